// The downloading half of a session: receives leases, sends requests and copies blocks into the
// slab. This is the hot path of the engine: per block it makes one comparison at the head of a
// ring, a claim and a copy.

import { MillraceError } from '../errors/millrace-error';
import { CLAIMED, HERE, STALE } from '../memory/block-table';
import { SESSION_LIMIT } from '../messages/account';
import type { Lease, WhyReturned } from '../messages/peer-thread';
import type { Geometry } from '../metainfo/geometry';
import type { Allowance } from '../rate/dealer';
import { BLOCK_LENGTH_BYTES } from '../bytes/lengths';
import { Appetite } from './appetite';
import { Flow } from './flow';
import { LeaseEnds } from './lease-ends';
import { Leases } from './leases';
import type { LeaseRun } from './leases';
import { Forgiven, Outstanding } from './outstanding';
import { Pipeline } from './pipeline';
import type { SessionOptions } from './session-types';

/**
 * A block that arrives after its timeout doubles the patience with that peer, up to this factor:
 * with the default of 20 s, a peer with 100 bytes a second can then still deliver its 16 KiB in
 * time.
 */
const MAX_PATIENCE = 8;

/**
 * After a reject without a choke, no credit is reported for this long. Otherwise a peer that rejects
 * everything would get new requests at every round trip.
 */
const REJECTED_PAUSE_MS = 1_000;

export class Download {
  readonly pipeline: Pipeline;
  /** Payload of received blocks, useful or not. */
  downloadedBytes = 0;
  /** The useless part of it: duplicates and late blocks. */
  wastedBytes = 0;
  /** What a rate limit allows; undefined: no limit. Payload is paid for when it is requested. */
  allowance: Allowance | undefined;

  private readonly options: SessionOptions;
  private readonly allowed: ReadonlySet<number>;
  /** Undefined until the metainfo is known: nothing is leased until then. */
  private geometry: Geometry | undefined;
  private readonly leases = new Leases();
  private readonly outstanding = new Outstanding();
  private readonly forgiven = new Forgiven();
  private readonly ends: LeaseEnds;
  private readonly flow: Flow;
  private choked = true;
  private interested = false;
  private chokeEpoch = 0;
  private readonly appetite = new Appetite();
  /**
   * The rate limit was lowered while requests were in flight: payload is paid for when it arrives, until
   * the requests in flight are within the allowance.
   */
  private paysOnArrival = false;
  private lastBlockMs = -Infinity;
  /** When the last byte was received, or reading was last held back. */
  private lastByteMs = -Infinity;
  /** End of the pause in which no credit is reported; Infinity: there is no pause. */
  private noCreditUntilMs = Infinity;
  /** Factor for the request timeout. */
  private patience = 1;

  /** `allowed`: pieces that may be requested while the peer chokes us (BEP 6). */
  constructor(options: SessionOptions, nowMs: number, allowed: ReadonlySet<number>) {
    this.options = options;
    this.allowed = allowed;
    this.pipeline = new Pipeline(nowMs);
    this.flow = new Flow(nowMs);
    this.ends = new LeaseEnds(options.connection, options.output);
  }

  open(geometry: Geometry): void {
    this.geometry = geometry;
  }

  /** How often the peer has choked us. */
  get epoch(): number {
    return this.chokeEpoch;
  }
  get peerChokes(): boolean {
    return this.choked;
  }
  get outstandingRequests(): number {
    return this.outstanding.count;
  }
  get heldBlocks(): number {
    return this.leases.heldBlocks;
  }

  /** Payload that was paid for, on the scale of the allowance. */
  get spentBytes(): number {
    if (this.paysOnArrival) return this.downloadedBytes;
    return this.downloadedBytes + this.outstanding.count * BLOCK_LENGTH_BYTES;
  }
  /** Requests in flight exceed a lowered limit: the peer must not be read. */
  get isHeldBack(): boolean {
    if (this.allowance === undefined || !this.paysOnArrival) return false;
    return this.outstanding.count > 0 && this.allowance.room === 0;
  }

  /** When something is due: the oldest request times out, or a pause of credit ends. */
  get deadlineMs(): number {
    return Math.min(this.timeoutMs, this.noCreditUntilMs);
  }

  /** When the oldest request times out; Infinity if none is in flight. */
  private get timeoutMs(): number {
    if (this.outstanding.count === 0) return Infinity;
    const sinceMs = Math.max(this.outstanding.sentMs(this.outstanding.first), this.lastBlockMs);
    return sinceMs + this.options.limits.requestTimeoutMs * this.patience;
  }

  // ---- orders ----

  lease(lease: Lease): void {
    if (lease.blockCount <= 0) return;
    if (lease.epoch !== this.chokeEpoch || (this.choked && !this.allowed.has(lease.piece))) {
      if (lease.epoch === this.chokeEpoch) this.appetite.accept(lease.blockCount); // It used credit.
      // The coordinator also voids it when it receives the choke, except with the fast extension.
      if (this.options.fast)
        this.ends.returned('choked', lease, lease.firstBlock, lease.blockCount);
      return;
    }
    const { pipeline, leases } = this;
    this.appetite.accept(lease.blockCount);
    let keptBlocks = lease.blockCount;
    if (pipeline.snubbed) {
      // Credit reported in better times cannot be withdrawn, but leases beyond it can be returned.
      const room = Math.max(0, 2 * pipeline.depth - leases.heldBlocks);
      keptBlocks = Math.min(room, lease.blockCount);
    }
    if (keptBlocks > 0) leases.add(lease, keptBlocks);
    if (keptBlocks < lease.blockCount) {
      const first = lease.firstBlock + keptBlocks;
      this.ends.returned('late', lease, first, lease.blockCount - keptBlocks);
    }
  }

  cancelLease(piece: number, generation: number): void {
    for (const run of this.leases.matching(piece, generation)) {
      this.takeBackRequests(run, true);
      this.leases.drop(run);
    }
  }

  /** The rate limit is new, or lower than before. */
  limitLowered(): void {
    if (this.outstanding.count > 0) this.paysOnArrival = true;
  }

  setInterested(interested: boolean): void {
    this.interested = interested;
  }

  // ---- what the peer does ----

  /**
   * The peer chokes us: all leases are void, and requested blocks may still be in flight. With the fast
   * extension each request is still answered or rejected (BEP 6), so only unrequested blocks are returned.
   */
  onChoke(): void {
    this.choked = true;
    for (const run of this.leases.all()) {
      if (this.options.fast) this.cutOff(run);
      else this.release(run, undefined);
    }
    this.chokeEpoch += 1;
    this.appetite.reset();
    this.noCreditUntilMs = Infinity;
  }

  onUnchoke(): void {
    this.choked = false;
  }

  /** A block arrived. Throws `unrequested-piece`, `bad-piece-index` or `bad-message`. */
  onBlock(
    piece: number,
    begin: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    nowMs: number,
  ): void {
    const lengthBytes = end - start;
    const { outstanding } = this;
    const position = outstanding.find(piece, begin);
    if (position < 0) {
      this.onUnexpectedBlock(piece, begin, lengthBytes);
      this.lastBlockMs = nowMs;
      return;
    }
    const wantedBytes = outstanding.lengthBytes(position);
    if (lengthBytes !== wantedBytes) {
      throw new MillraceError(
        'bad-message',
        `a block of ${lengthBytes} bytes answers a request for ${wantedBytes} (BEP 3)`,
      );
    }
    const run = outstanding.run(position);
    if (run === undefined) return; // `find` never returns a hole.
    const unit = outstanding.unit(position);
    this.lastBlockMs = nowMs;
    const roundTripMs = nowMs - outstanding.sentMs(position);
    this.pipeline.onBlock(lengthBytes, roundTripMs);
    if (roundTripMs * 2 < this.options.limits.requestTimeoutMs) this.patience = 1;
    outstanding.remove(position);
    this.downloadedBytes += lengthBytes;

    const { table, slab, thread, connection } = this.options;
    if (table.claim(unit, run.generation, thread, connection) === CLAIMED) {
      slab.copyIn(unit, bytes, start, end);
      table.publish(unit, run.generation, thread);
    } else {
      // Another connection has delivered the block or is copying it, or the unit now belongs to
      // another piece.
      this.wastedBytes += lengthBytes;
    }
    this.settle(run);
  }

  /**
   * The peer rejects a request (BEP 6): the block is returned at once. Returns false if we had withdrawn
   * the request. Throws `unrequested-reject`. Equal requests are answered in their order, so a reject
   * answers a withdrawn request first.
   */
  onReject(piece: number, begin: number, nowMs: number): boolean {
    const { outstanding, forgiven, leases } = this;
    if (forgiven.takeKnown(piece, begin)) return false;
    const position = outstanding.find(piece, begin);
    const run = position < 0 ? undefined : outstanding.run(position);
    if (run === undefined) {
      if (forgiven.takeOverwritten()) return false;
      throw new MillraceError(
        'unrequested-reject',
        `a reject of piece ${piece} at ${begin}, which was never asked for (BEP 6)`,
      );
    }
    outstanding.remove(position);
    const block = begin / BLOCK_LENGTH_BYTES;
    this.ends.rejected(run, block, this.choked ? 'choked' : 'rejected');
    if (leases.giveBack(run, block)) this.ends.rest(run);
    if (!this.choked) this.noCreditUntilMs = nowMs + REJECTED_PAUSE_MS;
    return true;
  }

  /** The peer no longer has the piece, and answers no request for it. */
  withdraw(piece: number): void {
    for (const run of this.leases.all()) if (run.piece === piece) this.release(run, 'rejected');
  }

  /** The piece is no longer allowed while the peer chokes us: its unrequested blocks are returned. */
  giveUp(piece: number): void {
    for (const run of this.leases.all()) if (run.piece === piece) this.cutOff(run);
  }

  /** Bytes of any message were received. */
  onRead(nowMs: number): void {
    this.lastByteMs = nowMs;
  }

  // ---- time ----

  /** Reading is held back by a rate limit, so the peer cannot be late. */
  excuse(nowMs: number): void {
    this.lastBlockMs = nowMs;
    this.lastByteMs = nowMs;
  }

  /** Returns all leases if the peer lets its requests time out. */
  checkDeadline(nowMs: number): void {
    if (nowMs >= this.noCreditUntilMs) this.noCreditUntilMs = Infinity;
    if (nowMs < this.timeoutMs) return;
    this.pipeline.snub();
    const isSilent = nowMs - this.lastByteMs >= this.options.limits.requestTimeoutMs;
    for (const run of this.leases.all()) this.release(run, isSilent ? 'silent' : 'late');
  }

  /**
   * The end of a turn: fills up the requests, and reports the appetite once the coordinator knows
   * the last choke.
   */
  endTurn(nowMs: number, epochKnown: boolean): void {
    this.pipeline.sample(nowMs);
    this.ends.endTurn();
    if (this.choked && this.allowed.size === 0) return;
    this.fillRequests(nowMs);
    if (epochKnown && this.noCreditUntilMs === Infinity) this.postAppetite();
  }

  /** The very end of a turn: notes what limits this download until the next. */
  noteFlow(nowMs: number): void {
    const { outstanding, leases, pipeline } = this;
    const { count } = outstanding;
    const wants = this.interested && !this.choked;
    this.flow.turn(nowMs, wants, count, pipeline.depth, leases.heldBlocks - count);
  }

  /** Appends this connection's row of a `load` fact, if it downloads. */
  pushLoad(rows: number[], nowMs: number): void {
    const { shortestRoundTripMs } = this.pipeline;
    const report = this.flow.report(nowMs, this.downloadedBytes, shortestRoundTripMs);
    if (report === undefined) return;
    const bytesInFlight = this.outstanding.count * BLOCK_LENGTH_BYTES;
    const limit = this.allowance?.wasShort() ? SESSION_LIMIT.rate : report.limit;
    rows.push(this.options.connection, bytesInFlight, report.bytesIn, limit);
  }

  private fillRequests(nowMs: number): void {
    const { allowance } = this;
    const { depth } = this.pipeline;
    if (allowance === undefined) return this.requestUpTo(depth, nowMs);
    const allowed = this.allowedRequests(allowance);
    this.requestUpTo(Math.min(depth, allowed), nowMs);
    if (allowed >= depth || this.outstanding.count < allowed) return;
    if (this.isHeldBack || this.leases.nextToRequest() !== undefined) allowance.wait();
  }

  /** The most requests in flight by the rate limit. */
  private allowedRequests(allowance: Allowance): number {
    const { count } = this.outstanding;
    if (!this.paysOnArrival) return count + allowance.room;
    const { room } = allowance;
    if (room >= count) this.paysOnArrival = false;
    return room;
  }

  private requestUpTo(depth: number, nowMs: number): void {
    const { outstanding, leases, geometry } = this;
    if (geometry === undefined) return;
    const { table, writer } = this.options;
    // In bursts of an eighth of the depth: a write per read would cost more than the blocks
    // themselves.
    if (depth - outstanding.count < Math.max(1, depth >> 3)) return;
    while (outstanding.count < depth) {
      const run = leases.nextToRequest();
      if (run === undefined) {
        this.pipeline.onStarved();
        return;
      }
      const block = run.nextBlock;
      const unit = run.takeUnit();
      const state = table.stateOf(unit, run.generation);
      if (state === HERE || state === STALE) {
        this.settle(run); // Another connection delivered it, or the piece is gone.
        continue;
      }
      const lengthBytes = geometry.blockLengthBytes(run.piece, block);
      const begin = block * BLOCK_LENGTH_BYTES;
      outstanding.push(run, begin, lengthBytes, unit, nowMs);
      writer.request(run.piece, begin, lengthBytes);
    }
  }

  private postAppetite(): void {
    if (!this.interested) return;
    const { depth, reserve, rateBytesPerSec } = this.pipeline;
    const creditBlocks = this.appetite.grow(this.leases.heldBlocks, depth, reserve);
    if (creditBlocks === undefined) return;
    this.options.output.fact({
      type: 'appetite',
      connection: this.options.connection,
      epoch: this.chokeEpoch,
      creditBlocks,
      rateBytesPerSec: Math.round(rateBytesPerSec),
    });
  }

  private settle(run: LeaseRun): void {
    if (this.leases.settle(run)) this.ends.rest(run);
  }

  private onUnexpectedBlock(piece: number, begin: number, lengthBytes: number): void {
    if (this.geometry !== undefined && piece >= this.geometry.pieceCount) {
      throw new MillraceError('bad-piece-index', `a block of piece ${piece}, which does not exist`);
    }
    if (!this.forgiven.take(piece, begin)) {
      throw new MillraceError(
        'unrequested-piece',
        `a block of piece ${piece} at ${begin} was never asked for`,
      );
    }
    this.pipeline.onBytes(lengthBytes);
    this.patience = Math.min(MAX_PATIENCE, this.patience * 2);
    this.downloadedBytes += lengthBytes;
    this.wastedBytes += lengthBytes;
  }

  /** Withdraws every request of a run; returns the requested blocks, ascending. */
  private takeBackRequests(run: LeaseRun, cancel: boolean): number[] {
    const { outstanding, forgiven } = this;
    const { writer } = this.options;
    const blocks: number[] = [];
    const end = outstanding.end;
    for (let position = outstanding.first; position < end; position++) {
      if (outstanding.run(position) !== run) continue;
      const begin = outstanding.begin(position);
      if (cancel) writer.cancel(run.piece, begin, outstanding.lengthBytes(position));
      forgiven.remember(run.piece, begin);
      blocks.push(begin / BLOCK_LENGTH_BYTES);
      outstanding.remove(position);
    }
    return blocks;
  }

  /**
   * Ends a run early: its filled stretches are reported done, and the others returned. `why`: undefined
   * after a choke, when the coordinator knows that they are void, and no cancel is needed.
   */
  private release(run: LeaseRun, why: WhyReturned | undefined): void {
    const missing = this.takeBackRequests(run, why !== undefined);
    const end = run.firstBlock + run.blockCount;
    for (let block = run.nextBlock; block < end; block++) missing.push(block);
    this.leases.drop(run);
    this.ends.rest(run, new Set(missing), why);
  }

  /** Returns the unrequested blocks of a run. */
  private cutOff(run: LeaseRun): void {
    const firstBlock = run.nextBlock;
    const blockCount = this.leases.cut(run);
    if (blockCount > 0) this.ends.returned('choked', run, firstBlock, blockCount);
    if (run.unsettledBlocks === 0) this.ends.rest(run);
  }
}
