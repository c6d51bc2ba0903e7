// PURE. Every peer address of one torrent: where it came from, when to dial it next, who is banned.
// All discoverers (trackers, the user, incoming connections; later PEX, DHT) fill this one book.

import { isIP } from 'node:net';
import type { CloseReason } from '../messages/close-reasons';

/** A million addresses from a hostile tracker must not cost a million records. */
const MAX_ADDRESSES = 5_000;

/**
 * Of a full book the next candidates to go are picked together, a sixteenth of it, and forgotten
 * after a second: a look at all 5,000 for each address of a long reply would cost 25 million.
 */
const MAX_CANDIDATES = Math.ceil(MAX_ADDRESSES / 16);
const CANDIDATES_LIFE_MS = 1_000;

/** First redial after 2 s, doubled per failure: 2, 4, 8 … up to 10 minutes. */
const FIRST_RETRY_MS = 2_000;
const LONGEST_RETRY_MS = 600_000;
/** The peer is connected through a twin of the connection; should that end, a minute is soon enough. */
const TWIN_RETRY_MS = 60_000;

/** Ends after which dialling again is pointless for this torrent. */
const FINAL_REASONS: ReadonlySet<CloseReason> = new Set<CloseReason>([
  'self-connection',
  'wrong-info-hash',
  'banned',
]);

interface Address {
  readonly host: string;
  readonly port: number;
  readonly source: string;
  state: 'idle' | 'dialing' | 'connected' | 'useless';
  failures: number;
  nextDialMs: number;
}

export interface BookOptions {
  /** [0, 1). Spreads redials so that peers who failed together do not return together. */
  readonly random: () => number;
}

export class AddressBook {
  readonly #addresses = new Map<string, Address>();
  readonly #bannedAddresses = new Set<string>();
  readonly #bannedHosts = new Set<string>();
  readonly #bannedLoopbackIds = new Set<string>();
  /** Who makes room next in a full book, the first to go last. */
  #candidates: Address[] = [];
  #candidatesAtMs = -Infinity;
  readonly #random: () => number;

  constructor(options: BookOptions) {
    this.#random = options.random;
  }

  /** Addresses that may still be dialled, or are connected. */
  get known(): number {
    let count = 0;
    for (const { state } of this.#addresses.values()) if (state !== 'useless') count++;
    return count;
  }

  /**
   * Adds an address; a known or banned one is left as it is. In a full book a useless one makes
   * room, else the idle one that failed most often and would be dialled last. Returns true if it
   * is new; false also where every address of a full book is being dialled or connected. `source`:
   * who named it (a tracker's URL, …).
   */
  add(host: string, port: number, nowMs: number, source = ''): boolean {
    const key = keyOf(host, port);
    if (port < 1 || port > 65_535 || this.#addresses.has(key)) return false;
    if (this.#bannedHosts.has(host) || this.#bannedAddresses.has(key)) return false;
    if (this.#addresses.size >= MAX_ADDRESSES && !this.#makeRoom(nowMs)) return false;
    this.#addresses.set(key, { host, port, source, state: 'idle', failures: 0, nextDialMs: nowMs });
    return true;
  }

  /** Addresses that wait for their first dial. */
  get fresh(): number {
    let count = 0;
    for (const { state, failures } of this.#addresses.values()) {
      if (state === 'idle' && failures === 0) count++;
    }
    return count;
  }

  /**
   * Addresses due for a dial, at most `count`, fewest failures first; of equals one of each source
   * in turn, so that a thousand addresses of a lying tracker do not keep an honest one's waiting.
   * They become `dialing`.
   */
  takeDue(count: number, nowMs: number): { readonly host: string; readonly port: number }[] {
    if (count <= 0) return [];
    const due: Address[] = [];
    for (const address of this.#addresses.values()) {
      if (address.state === 'idle' && address.nextDialMs <= nowMs) due.push(address);
    }
    const taken = inTurn(due).slice(0, count);
    for (const address of taken) address.state = 'dialing';
    return taken.map(({ host, port }) => ({ host, port }));
  }

  /** A taken address was not dialled after all. */
  putBack(host: string, port: number): void {
    const address = this.#addresses.get(keyOf(host, port));
    if (address?.state === 'dialing') address.state = 'idle';
  }

  connected(host: string, port: number): void {
    const address = this.#addresses.get(keyOf(host, port));
    if (address?.state === 'idle' || address?.state === 'dialing') address.state = 'connected';
  }

  /** A dial or a connection ended. `useful`: the peer sent us payload, so failures start anew. */
  ended(host: string, port: number, reason: CloseReason, useful: boolean, nowMs: number): void {
    const address = this.#addresses.get(keyOf(host, port));
    if (!address) return;
    if (FINAL_REASONS.has(reason)) {
      address.state = 'useless';
      return;
    }
    address.state = 'idle';
    if (reason === 'thread-died') {
      address.nextDialMs = nowMs; // Our fault, not the peer's.
      return;
    }
    address.failures = useful ? 0 : address.failures + 1;
    const base = useful
      ? FIRST_RETRY_MS
      : reason === 'duplicate-peer'
        ? TWIN_RETRY_MS
        : Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(address.failures - 1, 16));
    // A quarter of jitter: enough to spread, too little to matter.
    address.nextDialMs = nowMs + base * (1 + this.#random() / 4);
  }

  /** Everything may be dialled at once again: the torrent was resumed, or wants more. */
  forgetFailures(nowMs: number): void {
    for (const address of this.#addresses.values()) {
      if (address.state === 'useless') continue;
      address.failures = 0;
      address.nextDialMs = nowMs;
      address.state = 'idle';
    }
  }

  /**
   * Never again: the peer was proven to have sent wrong bytes. Its address is refused, and its whole
   * host. Peer ids are public, so a liar may bear a seed's: they count on loopback only, where
   * unrelated peers share one host and those that dialled us have a new port each time.
   */
  ban(host: string, port: number, peerId: string): void {
    const key = keyOf(host, port);
    this.#bannedAddresses.add(key);
    this.#addresses.delete(key);
    if (isLoopback(host)) {
      this.#bannedLoopbackIds.add(peerId);
      return;
    }
    this.#bannedHosts.add(host);
    for (const [other, address] of this.#addresses)
      if (address.host === host) this.#addresses.delete(other);
  }

  isBanned(host: string, port: number, peerId: string): boolean {
    return (
      this.#bannedHosts.has(host) ||
      this.#bannedAddresses.has(keyOf(host, port)) ||
      (isLoopback(host) && this.#bannedLoopbackIds.has(peerId))
    );
  }

  /** When the next idle address falls due; Infinity when none waits. */
  get nextDueMs(): number {
    let next = Infinity;
    for (const address of this.#addresses.values()) {
      if (address.state === 'idle' && address.nextDialMs < next) next = address.nextDialMs;
    }
    return next;
  }

  #makeRoom(nowMs: number): boolean {
    if (this.#candidates.length === 0 || nowMs - this.#candidatesAtMs > CANDIDATES_LIFE_MS) {
      this.#candidates = [...this.#addresses.values()]
        .filter(isIdleOrUseless)
        .sort(byWorth)
        .slice(0, MAX_CANDIDATES)
        .reverse();
      this.#candidatesAtMs = nowMs;
    }
    for (let address = this.#candidates.pop(); address; address = this.#candidates.pop()) {
      const key = keyOf(address.host, address.port);
      // Meanwhile it may be in use, or gone already.
      if (!isIdleOrUseless(address) || this.#addresses.get(key) !== address) continue;
      this.#addresses.delete(key);
      return true;
    }
    return false;
  }
}

function keyOf(host: string, port: number): string {
  return `${host}|${port}`;
}

/** Fewest failures first, then the first of each source, the second of each, and so on. */
function inTurn(due: Address[]): readonly Address[] {
  due.sort((a, b) => a.failures - b.failures || a.nextDialMs - b.nextDialMs);
  const turns = new Map<Address, number>();
  const next = new Map<string, number>();
  for (const address of due) {
    const key = `${address.failures} ${address.source}`;
    const turn = next.get(key) ?? 0;
    next.set(key, turn + 1);
    turns.set(address, turn);
  }
  // Stable: within a turn the one that is due longest stays first.
  return due.sort((a, b) => a.failures - b.failures || (turns.get(a) ?? 0) - (turns.get(b) ?? 0));
}

function isIdleOrUseless({ state }: Address): boolean {
  return state === 'idle' || state === 'useless';
}

/** The least worth keeping first. */
function byWorth(a: Address, b: Address): number {
  if (a.state !== b.state) return a.state === 'useless' ? -1 : 1;
  return b.failures - a.failures || b.nextDialMs - a.nextDialMs;
}

function isLoopback(host: string): boolean {
  return (
    host === '::1' ||
    host === 'localhost' ||
    (isIP(host) === 4 && host.startsWith('127.')) ||
    host.startsWith('::ffff:127.')
  );
}
