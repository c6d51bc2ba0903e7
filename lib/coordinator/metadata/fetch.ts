// PURE. Fetches the metadata of one torrent (BEP 9): which piece is requested from which peer, and which peer sent
// wrong data if a copy fails its hash. An announced length cannot be checked before the hash is right, so peers are
// grouped by it, and each group fills a copy of its own. After a copy of several peers has failed, further copies of
// that length come from one peer each. If one of these fails, its sender is banned; if one is right, the senders of
// pieces of failed copies that differ from it are banned.

import { LogThrottle } from '../../errors/log-throttle';
import { BlockWitness } from '../pieces/witness';
import type { Identity } from '../pieces/witness';
import type { MetadataProgress } from '../../messages/stats';
import { Attempt } from './attempt';
import type { MetadataCounts } from './counts';
import { Giver } from './giver';
import type { MetadataRoom } from './room';

/** Outstanding requests per peer: 4 × 16 KiB per round trip of 100 ms are 655 KB/s from each. */
const MAX_ASKED = 4;
/** A piece without an answer after this time is requested from another peer. Few peers are that slow. */
const TIMEOUT_MS = 10_000;
/** Copies of one length that single peers fill, at a time. */
const MAX_SOLE_COPIES = 4;
/**
 * How long a copy keeps its memory while another one waits for it; doubled each time that it was too short. So a
 * peer that announces a wrong length and sends little does not block others, and a slow honest one finishes in the
 * end.
 */
const SLICE_MS = 20_000;
const MAX_DOUBLINGS = 10;
/** Announced lengths that are remembered. A peer may announce any number of them. */
const MAX_LENGTHS = 64;

export interface MetadataRequest {
  readonly connection: number;
  readonly piece: number;
  readonly totalBytes: number | undefined;
}

/** What is known of one announced length. */
interface Length {
  readonly totalBytes: number;
  /** The copy that all peers fill together. */
  shared: Attempt | undefined;
  /** Copies that are filled by one peer each. */
  readonly sole: Map<Giver, Attempt>;
  /** Failed copies of several peers. After the first one, every copy comes from a single peer. */
  readonly witness: BlockWitness;
  /** The senders of their pieces, by name. */
  readonly accused: Map<string, Identity>;
  /** How often its shared copy was dropped to make room. */
  turns: number;
}

export interface MetadataFetchOptions {
  /** Longest metadata, in bytes; the copies in progress take at most as much together. */
  readonly maxBytes: number;
  readonly room: MetadataRoom;
  readonly counts: MetadataCounts;
}

export class MetadataFetch {
  /** Throttles the log of announced lengths above the limit. */
  readonly tooLongLog = new LogThrottle();
  private readonly options: MetadataFetchOptions;
  private readonly givers = new Map<number, Giver>();
  private readonly lengths = new Map<number, Length>();
  private readonly attempts = new Set<Attempt>();
  private usedBytes = 0;
  /** Number of hosts that announce each length; 0 after a copy of it has failed. */
  private ranks = new Map<number, number>();

  constructor(options: MetadataFetchOptions) {
    this.options = options;
  }

  get progress(): MetadataProgress {
    let best: Attempt | undefined;
    for (const attempt of this.attempts)
      if (best === undefined || attempt.receivedBytes > best.receivedBytes) best = attempt;
    let peers = 0;
    let totalBytes = best?.totalBytes;
    for (const giver of this.givers.values()) {
      if (giver.totalBytes === undefined) continue;
      peers++;
      totalBytes ??= giver.totalBytes;
    }
    return { receivedBytes: best?.receivedBytes ?? 0, totalBytes, peers };
  }

  /** A peer accepts requests; it announced this length, or none. */
  offer(identity: Identity, totalBytes: number | undefined, nowMs: number): void {
    let giver = this.givers.get(identity.id);
    if (giver === undefined) {
      giver = new Giver(identity, nowMs);
      this.givers.set(identity.id, giver);
    }
    if (totalBytes !== undefined && totalBytes !== giver.totalBytes)
      this.announce(giver, totalBytes);
  }

  /** Its connection has ended, or it was banned. */
  gone(connection: number): void {
    const giver = this.givers.get(connection);
    if (giver === undefined) return;
    this.withdraw(giver);
    this.givers.delete(connection);
  }

  /** A piece arrived, of the right length for `totalBytes`. */
  received(
    connection: number,
    piece: number,
    totalBytes: number,
    bytes: Uint8Array,
    nowMs: number,
  ): void {
    const giver = this.givers.get(connection);
    if (giver === undefined) return;
    giver.asked.delete(piece);
    if (giver.totalBytes === undefined) {
      giver.answered();
      return this.announce(giver, totalBytes);
    }
    if (totalBytes !== giver.totalBytes) {
      this.options.counts.conflicts++;
      return this.fail(giver, piece, nowMs);
    }
    giver.answered();
    const attempt = this.attemptOf(giver);
    if (attempt === undefined || attempt.has(piece)) return;
    attempt.put(giver.identity, piece, bytes);
  }

  /** The peer rejected a request, or its answer had a wrong length. */
  refused(connection: number, piece: number, nowMs: number): void {
    const giver = this.givers.get(connection);
    if (giver === undefined) return;
    this.options.counts.refusals++;
    giver.asked.delete(piece);
    this.fail(giver, piece, nowMs);
  }

  /** What to request now. */
  plan(nowMs: number): MetadataRequest[] {
    this.expire(nowMs);
    this.beginAttempts(nowMs);
    const requests: MetadataRequest[] = [];
    // One request per peer in each pass, so that short metadata is fetched from all peers.
    for (let most = 1; most <= MAX_ASKED; most++)
      for (const giver of this.givers.values()) this.askUpTo(most, giver, nowMs, requests);
    return requests;
  }

  /** The same for one peer that has just answered, at little cost. */
  planFor(connection: number, nowMs: number): MetadataRequest[] {
    const giver = this.givers.get(connection);
    const requests: MetadataRequest[] = [];
    if (giver !== undefined) this.askUpTo(MAX_ASKED, giver, nowMs, requests);
    return requests;
  }

  /** A complete copy whose hash must be computed; each is returned once. */
  takeComplete(): Attempt | undefined {
    for (const attempt of this.attempts) {
      if (!attempt.isComplete || attempt.isChecked) continue;
      attempt.isChecked = true;
      return attempt;
    }
    return undefined;
  }

  /** A shared copy of this length failed: the piece digests of a right copy are needed to find the senders. */
  isDoubted(totalBytes: number): boolean {
    return (this.lengths.get(totalBytes)?.accused.size ?? 0) > 0;
  }

  /**
   * The hash of a copy was wrong. Returns the peers to ban: the sender, if there is only one. `digests`: of each
   * piece.
   */
  failed(attempt: Attempt, digests: Uint8Array): Identity[] {
    const { senders } = attempt;
    this.options.counts.failed++;
    this.end(attempt);
    const [first] = senders;
    if (first === undefined) return [];
    if (senders.every(({ name }) => name === first.name)) return [first];
    const length = this.lengthOf(attempt.totalBytes);
    length.witness.failed(
      senders.map(({ name }) => name),
      digests,
    );
    for (const sender of senders) length.accused.set(sender.name, sender);
    return [];
  }

  /** The hash of a copy was right. Returns the peers to ban: those whose pieces of failed copies differ from it. */
  liars({ totalBytes }: Attempt, digests: Uint8Array): Identity[] {
    const { witness, accused } = this.lengthOf(totalBytes);
    return [...witness.liars(digests)].flatMap((name) => accused.get(name) ?? []);
  }

  /** Ends the fetch, and releases its memory. */
  close(): void {
    for (const attempt of [...this.attempts]) this.end(attempt);
    this.givers.clear();
    this.lengths.clear();
  }

  // ---- peers ----

  private announce(giver: Giver, totalBytes: number): void {
    const { counts, maxBytes } = this.options;
    const isOther = [...this.givers.values()].some(
      (other) => other.totalBytes !== undefined && other.totalBytes !== totalBytes,
    );
    if (isOther) counts.conflicts++;
    this.withdraw(giver);
    if (totalBytes > maxBytes) {
      giver.announcedTooMuch();
      counts.tooLong++;
      return;
    }
    giver.announced(totalBytes);
  }

  /** Nothing more is requested from it; the pieces that it sent are kept. */
  private withdraw(giver: Giver): void {
    const attempt = this.attemptOf(giver);
    for (const piece of giver.asked.keys()) attempt?.release(giver, piece);
    giver.asked.clear();
    if (attempt?.sole === giver && !attempt.isChecked) this.end(attempt);
  }

  private fail(giver: Giver, piece: number, nowMs: number): void {
    const attempt = this.attemptOf(giver);
    attempt?.release(giver, piece);
    giver.failed(nowMs);
    // Another peer gets the next sole copy.
    if (attempt?.sole === giver && !attempt.isChecked) this.giveUp(attempt);
  }

  private askUpTo(most: number, giver: Giver, nowMs: number, requests: MetadataRequest[]): void {
    const { id: connection, totalBytes, asked } = giver;
    if (!giver.mayBeAsked(nowMs)) return;
    if (totalBytes === undefined) {
      if (asked.size > 0) return;
      asked.set(0, nowMs);
      requests.push({ connection, piece: 0, totalBytes });
      return;
    }
    const attempt = this.attemptOf(giver);
    if (attempt === undefined || attempt.isChecked) return;
    while (asked.size < most) {
      const piece = attempt.next(giver, nowMs);
      if (piece === undefined) return;
      attempt.ask(giver, piece, nowMs);
      requests.push({ connection, piece, totalBytes });
    }
  }

  private expire(nowMs: number): void {
    for (const giver of this.givers.values()) {
      for (const [piece, sinceMs] of giver.asked) {
        if (nowMs - sinceMs < TIMEOUT_MS) break; // The following requests are newer.
        giver.asked.delete(piece);
        if (this.attemptOf(giver)?.has(piece)) continue; // Another peer was faster.
        this.options.counts.timeouts++;
        this.fail(giver, piece, nowMs);
      }
    }
  }

  // ---- copies ----

  private attemptOf(giver: Giver): Attempt | undefined {
    if (giver.totalBytes === undefined) return undefined;
    const length = this.lengths.get(giver.totalBytes);
    return length?.sole.get(giver) ?? length?.shared;
  }

  private lengthOf(totalBytes: number): Length {
    const known = this.lengths.get(totalBytes);
    if (known !== undefined) return known;
    for (const [old, { shared, sole }] of this.lengths) {
      if (this.lengths.size < MAX_LENGTHS) break;
      if (shared === undefined && sole.size === 0) this.lengths.delete(old);
    }
    const length: Length = {
      totalBytes,
      shared: undefined,
      sole: new Map(),
      witness: new BlockWitness(),
      accused: new Map(),
      turns: 0,
    };
    this.lengths.set(totalBytes, length);
    return length;
  }

  /** Begins a copy, or several of single peers, for each length; first for the length that most hosts announce. */
  private beginAttempts(nowMs: number): void {
    for (const [totalBytes, givers] of this.backers(nowMs)) {
      const length = this.lengthOf(totalBytes);
      if (length.accused.size > 0) this.beginSole(length, givers, nowMs);
      else if (length.shared === undefined) this.begin(length, undefined, nowMs);
    }
  }

  /** The peers that accept requests, by length, in the order in which lengths get memory. */
  private backers(nowMs: number): [number, Giver[]][] {
    const ready = new Map<number, Giver[]>();
    const hosts = new Map<number, Set<string>>();
    for (const giver of this.givers.values()) {
      const { totalBytes, identity } = giver;
      if (totalBytes === undefined) continue;
      hosts.set(totalBytes, (hosts.get(totalBytes) ?? new Set()).add(identity.host));
      if (!giver.mayBeAsked(nowMs)) continue;
      const givers = ready.get(totalBytes) ?? [];
      givers.push(giver);
      ready.set(totalBytes, givers);
    }
    this.ranks = new Map();
    for (const [totalBytes, { size }] of hosts)
      this.ranks.set(totalBytes, this.isDoubted(totalBytes) ? 0 : size);
    return [...ready].sort(([a], [b]) => this.compare(b, a));
  }

  /** Positive if the first length gets memory before the second: more hosts announce it, or it is shorter. */
  private compare(a: number, b: number): number {
    return (this.ranks.get(a) ?? 0) - (this.ranks.get(b) ?? 0) || b - a;
  }

  private beginSole(length: Length, givers: readonly Giver[], nowMs: number): void {
    const { sole, accused } = length;
    const waiting = givers.filter((giver) => !sole.has(giver));
    const doubt = (giver: Giver): number => Number(accused.has(giver.identity.name));
    waiting.sort((a, b) => a.turns - b.turns || doubt(a) - doubt(b) || a.id - b.id);
    for (const giver of waiting) {
      if (sole.size >= MAX_SOLE_COPIES) {
        const over = [...sole.values()].find((each) => each.mayGiveWay(nowMs));
        if (over === undefined) return;
        this.giveWay(over);
      }
      if (!this.begin(length, giver, nowMs)) return;
    }
  }

  private begin(length: Length, sole: Giver | undefined, nowMs: number): boolean {
    const turns = Math.min((sole ?? length).turns, MAX_DOUBLINGS);
    const sliceEndMs = nowMs + SLICE_MS * 2 ** turns;
    const { totalBytes } = length;
    const attempt = new Attempt(totalBytes, sole, sliceEndMs, (over) => this.giveWay(over));
    const others = this.whoGiveWay(length, nowMs);
    if (others === undefined || !this.options.room.take(attempt, nowMs)) return false;
    for (const other of others) this.giveWay(other);
    this.usedBytes += totalBytes;
    this.attempts.add(attempt);
    if (sole === undefined) length.shared = attempt;
    else length.sole.set(sole, attempt);
    return true;
  }

  /**
   * The copies of this torrent to drop for one of this length: those whose time is over, and, before its first
   * turn, those of lengths that rank below it. Undefined if they do not free enough.
   */
  private whoGiveWay({ totalBytes, turns }: Length, nowMs: number): Attempt[] | undefined {
    let excessBytes = this.usedBytes + totalBytes - this.options.maxBytes;
    const ranksAbove = ({ isChecked, totalBytes: other }: Attempt): boolean =>
      turns === 0 && !isChecked && this.compare(totalBytes, other) > 0;
    const leaving: Attempt[] = [];
    for (const attempt of this.attempts) {
      if (excessBytes <= 0) break;
      if (!ranksAbove(attempt) && !attempt.mayGiveWay(nowMs)) continue;
      leaving.push(attempt);
      excessBytes -= attempt.totalBytes;
    }
    return excessBytes <= 0 ? leaving : undefined;
  }

  private giveWay(attempt: Attempt): void {
    if (!this.attempts.has(attempt)) return;
    this.options.counts.gaveWay++;
    this.giveUp(attempt);
  }

  /** Drops the copy; it may begin again later, with more time. */
  private giveUp(attempt: Attempt): void {
    (attempt.sole ?? this.lengthOf(attempt.totalBytes)).turns++;
    this.end(attempt);
  }

  private end(attempt: Attempt): void {
    if (!this.attempts.delete(attempt)) return;
    this.usedBytes -= attempt.totalBytes;
    this.options.room.giveBack(attempt);
    for (const giver of this.givers.values())
      if (this.attemptOf(giver) === attempt) giver.asked.clear();
    const length = this.lengths.get(attempt.totalBytes);
    if (length?.shared === attempt) length.shared = undefined;
    if (attempt.sole !== undefined) length?.sole.delete(attempt.sole);
  }
}

/** The metadata is known, or the run has ended. */
export function endFetch(torrent: { fetch: MetadataFetch | undefined }): void {
  torrent.fetch?.close();
  torrent.fetch = undefined;
}
