// PURE. Every peer address of one torrent: where it came from, when to dial it next, which are
// banned. Addresses come from trackers, the user, peer exchange, and incoming peers that send their
// listening port.

import type { CloseReason } from '../../messages/close-reasons';
import { isReachablePort } from '../../address/host-port';
import { isLoopback } from '../../address/scope';
import type { AddressCounts } from '../../messages/stats';
import type { ExchangedPeer } from '../../messages/peer-thread';
import { INCOMING, NO_PREFERENCE, PEX, USER, byWorth, inTurn, isIdleOrUseless } from './book-order';
import type { Address, Preference } from './book-order';
import { LONG_MS, OUR_LACK, TWIN_RETRY_MS, redialMs } from './redial';
import type { Ending } from './redial';
import { ExchangedAddresses } from './exchanged-addresses';

/**
 * Most addresses kept: a million addresses from a hostile tracker must not cost a million records.
 */
const MAX_ADDRESSES = 5_000;

/**
 * A full book picks the addresses to drop in groups of a sixteenth, and discards the choice after a
 * second: a scan of all 5,000 for each of 5,000 new addresses would be 25 million steps.
 */
const MAX_CANDIDATES = Math.ceil(MAX_ADDRESSES / 16);
const CANDIDATES_LIFE_MS = 1_000;

/** Close reasons after which this torrent never dials the address again. */
const FINAL_REASONS: ReadonlySet<CloseReason> = new Set<CloseReason>([
  'self-connection',
  'wrong-info-hash',
  'banned',
]);

/** An exchanged address (BEP 11) is forgotten after this many failures: it may be invented. */
const MAX_EXCHANGED_FAILURES = 3;

interface NewAddress {
  readonly host: string;
  readonly port: number;
  readonly source: string;
  readonly nowMs: number;
  readonly sender?: string;
  readonly isAnnouncedSeed?: boolean;
}

export interface TakeOptions {
  /** Default: all are equal. */
  readonly preference?: Preference;
  /**
   * Connected hosts. No other port of these is dialled, nor of a host that is being dialled or
   * connected by this book, except on loopback. Absent: several ports of a host may be dialled.
   */
  readonly busyHosts?: Iterable<string> | undefined;
}

export interface BookOptions {
  /**
   * A number in [0, 1). Spreads redials, so that peers that failed together do not return together.
   */
  readonly random: () => number;
  /** Whether an address may not be kept, by the IP filter. Default: all may. */
  readonly refuses?: (host: string) => boolean;
}

export class AddressBook {
  private readonly addresses = new Map<string, Address>();
  /** Number of addresses by host. */
  private readonly hosts = new Map<string, number>();
  private readonly exchanged = new ExchangedAddresses();
  private readonly bannedAddresses = new Set<string>();
  private readonly bannedHosts = new Set<string>();
  private readonly bannedLoopbackIds = new Set<string>();
  /** Addresses to drop next from a full book, the first one last. */
  private candidates: Address[] = [];
  private candidatesAtMs = -Infinity;
  private readonly random: () => number;
  private readonly refuses: (host: string) => boolean;

  constructor(options: BookOptions) {
    this.random = options.random;
    this.refuses = options.refuses ?? (() => false);
  }

  /** Addresses that may still be dialled, or are connected. */
  get known(): number {
    let count = 0;
    for (const { state } of this.addresses.values()) if (state !== 'useless') count++;
    return count;
  }

  /** The addresses that `known` counts, by their sources. */
  get counts(): AddressCounts {
    const counts = { trackers: 0, exchange: 0, incoming: 0, user: 0 };
    for (const { state, source } of this.addresses.values()) {
      if (state === 'useless') continue;
      if (source === PEX) counts.exchange++;
      else if (source === INCOMING) counts.incoming++;
      else if (source === USER) counts.user++;
      else counts.trackers++;
    }
    return counts;
  }

  /**
   * Adds an address from `source` (a tracker's URL, …). Returns true if it is new. A banned or
   * refused address is not added. A known one gets this source if it came from peer exchange, if its
   * source was given up, or if the user names it. In a full book it replaces a useless address, else
   * the idle one with the most failures and the latest dial; if all are in use, it is not added.
   */
  add(host: string, port: number, nowMs: number, source = USER): boolean {
    const known = this.addresses.get(keyOf(host, port));
    if (known !== undefined && (known.source === PEX || known.isOrphan || source === USER)) {
      known.source = source;
      known.isAnnouncedSeed = false;
      known.isOrphan = false;
      this.release(known);
    }
    if (known !== undefined || !this.mayAdd(host, port)) return false;
    if (this.addresses.size >= MAX_ADDRESSES && !this.makeRoom(nowMs)) return false;
    this.insert({ host, port, source, nowMs });
    return true;
  }

  /**
   * Adds addresses that were received by peer exchange (BEP 11), within the bounds of
   * `ExchangedAddresses`; seeds only if we lack pieces. Another port of a known host is left out,
   * except on loopback: dials to many ports would be an attack on that host. Returns the number of
   * new addresses.
   */
  learn(
    peers: readonly ExchangedPeer[],
    { sender, weSeed }: { readonly sender: string; readonly weSeed: boolean },
    nowMs: number,
  ): number {
    let failed: Address[] | undefined;
    let news = 0;
    for (const { host, port, isSeed } of peers) {
      if (!this.exchanged.mayAdd(sender, nowMs)) break;
      if ((isSeed && weSeed) || !this.mayAdd(host, port)) continue;
      if (this.addresses.has(keyOf(host, port))) continue;
      if (this.hosts.has(host) && !isLoopback(host)) continue;
      if (this.exchanged.isFull(sender) || this.addresses.size >= MAX_ADDRESSES) {
        failed ??= this.failedOf(sender);
        const instead = failed.pop();
        if (instead === undefined) continue;
        this.remove(instead);
      }
      this.insert({ host, port, source: PEX, nowMs, sender, isAnnouncedSeed: isSeed });
      this.exchanged.added(sender, nowMs);
      news++;
    }
    return news;
  }

  /** The sender of this address dropped it (BEP 11): it is removed if it was never dialled. */
  retract(host: string, port: number, sender: string): void {
    const address = this.addresses.get(keyOf(host, port));
    if (address?.sender !== sender || address.state !== 'idle' || address.failures > 0) return;
    this.remove(address);
  }

  /**
   * The torrent is private (BEP 27): removes every address that came neither from this tracker nor from
   * the user. An address in use is removed when its connection ends, unless it is named again.
   */
  forgetBut(tracker: string | undefined): void {
    for (const address of this.addresses.values()) {
      if (address.source === USER || address.source === tracker) continue;
      if (isIdleOrUseless(address)) this.remove(address);
      else address.isOrphan = true;
    }
  }

  isFromUser(host: string, port: number): boolean {
    return this.addresses.get(keyOf(host, port))?.source === USER;
  }

  /** Whether the address is in use, and its source was given up. */
  isOrphan(host: string, port: number): boolean {
    return this.addresses.get(keyOf(host, port))?.isOrphan === true;
  }

  /** We have every piece: addresses that were announced as seeds are next dialled hours from now. */
  postponeSeeds(nowMs: number): void {
    for (const address of this.addresses.values()) {
      if (address.state !== 'idle' || !address.isAnnouncedSeed) continue;
      address.nextDialMs = Math.max(address.nextDialMs, nowMs + LONG_MS);
    }
  }

  /** Number of addresses that were never dialled, without exchanged ones. */
  get fresh(): number {
    let count = 0;
    for (const { state, failures, sender } of this.addresses.values()) {
      if (state === 'idle' && failures === 0 && sender === undefined) count++;
    }
    return count;
  }

  /**
   * No address is due. Exchanged ones do not count: invented addresses must not delay an announce to
   * trackers.
   */
  isExhausted(nowMs: number): boolean {
    for (const { state, nextDialMs, sender } of this.addresses.values()) {
      if (state === 'idle' && nextDialMs <= nowMs && sender === undefined) return false;
    }
    return true;
  }

  /**
   * Takes at most `count` addresses that are due, fewest failures first; among equals one of each
   * source in turn, so that a thousand addresses of a lying tracker do not delay those of an honest
   * one. They become `dialing`. Another port of a connected host waits for a minute, and one of a
   * host that is being dialled until that dial has ended.
   */
  takeDue(
    count: number,
    nowMs: number,
    { preference = NO_PREFERENCE, busyHosts }: TakeOptions = {},
  ): { readonly host: string; readonly port: number }[] {
    if (count <= 0) return [];
    const due: Address[] = [];
    for (const address of this.addresses.values()) {
      if (address.state === 'idle' && address.nextDialMs <= nowMs) due.push(address);
    }
    if (due.length === 0) return [];
    const taken: { readonly host: string; readonly port: number }[] = [];
    const connected = busyHosts && this.hostsThat('connected', busyHosts);
    const dialing = busyHosts && this.hostsThat('dialing');
    for (const address of inTurn(due, preference)) {
      if (taken.length === count) break;
      const { host, port } = address;
      const isShared = busyHosts !== undefined && isLoopback(host);
      if (!isShared && connected?.has(host)) address.nextDialMs = nowMs + TWIN_RETRY_MS;
      else if (isShared || !dialing?.has(host)) {
        address.state = 'dialing';
        dialing?.add(host);
        taken.push({ host, port });
      }
    }
    return taken;
  }

  /** Returns an address that was taken but not dialled. */
  putBack(host: string, port: number): void {
    const address = this.addresses.get(keyOf(host, port));
    if (address?.state === 'dialing') address.state = 'idle';
  }

  connected(host: string, port: number): void {
    const address = this.addresses.get(keyOf(host, port));
    if (address?.state !== 'idle' && address?.state !== 'dialing') return;
    address.state = 'connected';
    this.release(address);
  }

  /**
   * An incoming peer sent its listening port. An address that is not known is added unless the
   * torrent is private (BEP 27). Returns true if the address is now `connected`; the
   * caller then reports its end by `ended`. Returns false if the address is in use, useless or
   * banned, or the book is full.
   */
  adopt(host: string, port: number, nowMs: number, isPrivate = false): boolean {
    if (!isPrivate && this.addresses.size < MAX_ADDRESSES) this.add(host, port, nowMs, INCOMING);
    const address = this.addresses.get(keyOf(host, port));
    if (address?.state !== 'idle') return false;
    address.state = 'connected';
    this.release(address);
    return true;
  }

  /** A dial or a connection ended. */
  ended(host: string, port: number, ending: Ending, nowMs: number): void {
    const address = this.addresses.get(keyOf(host, port));
    if (!address) return;
    const { reason, useful, peerIsSeed = false, weSeed = false } = ending;
    if (reason === 'ip-filter') {
      this.remove(address); // It may be added again once the filter allows it.
      return;
    }
    if (FINAL_REASONS.has(reason)) {
      address.state = 'useless';
      return;
    }
    if (address.isOrphan) return this.remove(address);
    address.state = 'idle';
    if (reason === 'thread-died' || reason === 'private-torrent') {
      address.nextDialMs = nowMs; // No fault of the peer.
      return;
    }
    if (!OUR_LACK.has(reason))
      address.failures = useful && !(weSeed && peerIsSeed) ? 0 : address.failures + 1;
    if (address.sender !== undefined && address.failures >= MAX_EXCHANGED_FAILURES)
      return this.remove(address);
    const waitMs = redialMs(ending, address.failures);
    // A quarter of jitter: enough to spread, too little to matter.
    address.nextDialMs = nowMs + waitMs * (1 + this.random() / 4);
  }

  /** Drops the addresses that are refused from now on; those in use are dropped at their end. */
  drop(isRefused: (host: string) => boolean): void {
    for (const address of this.addresses.values()) {
      if (isIdleOrUseless(address) && isRefused(address.host)) this.remove(address);
    }
  }

  /** Makes everything due again: the torrent was resumed, or wants more peers. */
  forgetFailures(nowMs: number): void {
    for (const address of this.addresses.values()) {
      if (address.state === 'useless') continue;
      address.failures = 0;
      address.nextDialMs = nowMs;
      address.state = 'idle';
    }
  }

  /**
   * Bans a peer that was proven to have sent wrong bytes: its address, and its whole host. Peer ids
   * are public and can be forged, so they count on loopback only, where unrelated peers share a
   * host and each incoming one has a new port.
   */
  ban(host: string, port: number, peerId: string): void {
    const key = keyOf(host, port);
    this.bannedAddresses.add(key);
    const known = this.addresses.get(key);
    if (known !== undefined) this.remove(known);
    if (isLoopback(host)) {
      this.bannedLoopbackIds.add(peerId);
      return;
    }
    this.bannedHosts.add(host);
    for (const address of this.addresses.values()) if (address.host === host) this.remove(address);
  }

  isBanned(host: string, port: number, peerId: string): boolean {
    return (
      this.bannedHosts.has(host) ||
      this.bannedAddresses.has(keyOf(host, port)) ||
      (isLoopback(host) && this.bannedLoopbackIds.has(peerId))
    );
  }

  /** When the next idle address becomes due; Infinity if none is idle. */
  get nextDueMs(): number {
    let next = Infinity;
    for (const address of this.addresses.values()) {
      if (address.state === 'idle' && address.nextDialMs < next) next = address.nextDialMs;
    }
    return next;
  }

  private makeRoom(nowMs: number): boolean {
    if (this.candidates.length === 0 || nowMs - this.candidatesAtMs > CANDIDATES_LIFE_MS) {
      this.candidates = [...this.addresses.values()]
        .filter(isIdleOrUseless)
        .sort(byWorth)
        .slice(0, MAX_CANDIDATES)
        .reverse();
      this.candidatesAtMs = nowMs;
    }
    for (let address = this.candidates.pop(); address; address = this.candidates.pop()) {
      const key = keyOf(address.host, address.port);
      // It may have come into use, or been removed, since it was chosen.
      if (!isIdleOrUseless(address) || this.addresses.get(key) !== address) continue;
      this.remove(address);
      return true;
    }
    return false;
  }

  private hostsThat(are: Address['state'], others: Iterable<string> = []): Set<string> {
    const hosts = new Set(others);
    for (const { host, state } of this.addresses.values()) if (state === are) hosts.add(host);
    return hosts;
  }

  private mayAdd(host: string, port: number): boolean {
    if (!isReachablePort(port) || this.bannedHosts.has(host)) return false;
    return !this.bannedAddresses.has(keyOf(host, port)) && !this.refuses(host);
  }

  private insert({ nowMs, sender, isAnnouncedSeed = false, ...where }: NewAddress): void {
    const { host, port } = where;
    const record = {
      sender,
      isAnnouncedSeed,
      isOrphan: false,
      rank: 0,
      rankVersion: 0,
      failures: 0,
      nextDialMs: nowMs,
    };
    this.addresses.set(keyOf(host, port), { ...where, ...record, state: 'idle' });
    this.hosts.set(host, (this.hosts.get(host) ?? 0) + 1);
  }

  private remove(address: Address): void {
    const { host, port } = address;
    this.release(address);
    this.addresses.delete(keyOf(host, port));
    const left = (this.hosts.get(host) ?? 0) - 1;
    if (left > 0) this.hosts.set(host, left);
    else this.hosts.delete(host);
  }

  /** The address no longer counts as exchanged. */
  private release(address: Address): void {
    if (address.sender !== undefined) this.exchanged.released(address.sender);
    address.sender = undefined;
  }

  /** Exchanged addresses that failed, sorted: those of this sender last, and of these the most failures. */
  private failedOf(sender: string): Address[] {
    return [...this.addresses.values()]
      .filter((address) => address.sender !== undefined && address.failures > 0)
      .filter(isIdleOrUseless)
      .sort(
        (a, b) =>
          Number(a.sender === sender) - Number(b.sender === sender) || a.failures - b.failures,
      );
  }
}

function keyOf(host: string, port: number): string {
  return `${host}|${port}`;
}
