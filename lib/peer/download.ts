// The downloading half of a session: receives leases, sends requests and copies blocks into the
// slab. This is the hot path of the engine: per block it makes one comparison at the head of a
// ring, a claim and a copy.

import { MillraceError } from '../errors/millrace-error';
import { CLAIMED, HERE, STALE } from '../memory/block-table';
import type { Lease } from '../messages/peer-thread';
import type { Geometry } from '../metainfo/geometry';
import { BLOCK_LENGTH_BYTES } from '../bytes/lengths';
import { Appetite } from './appetite';
import { Flow } from './flow';
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

export class Download {
  readonly pipeline: Pipeline;
  /** Payload of received blocks, useful or not. */
  downloadedBytes = 0;
  /** The useless part of it: duplicates and late blocks. */
  wastedBytes = 0;

  private readonly options: SessionOptions;
  /** Undefined until the metainfo is known: nothing is leased until then. */
  private geometry: Geometry | undefined;
  private readonly leases = new Leases();
  private readonly outstanding = new Outstanding();
  private readonly forgiven = new Forgiven();
  private readonly flow: Flow;
  private choked = true;
  private interested = false;
  private chokeEpoch = 0;
  private readonly appetite = new Appetite();
  private lastBlockMs = -Infinity;
  /** Factor for the request timeout. */
  private patience = 1;

  constructor(options: SessionOptions, nowMs: number) {
    this.options = options;
    this.pipeline = new Pipeline(nowMs);
    this.flow = new Flow(nowMs);
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

  /** When the oldest request times out; Infinity if none is in flight. */
  get deadlineMs(): number {
    if (this.outstanding.count === 0) return Infinity;
    const sinceMs = Math.max(this.outstanding.sentMs(this.outstanding.first), this.lastBlockMs);
    return sinceMs + this.options.limits.requestTimeoutMs * this.patience;
  }

  // ---- orders ----

  lease(lease: Lease): void {
    if (lease.epoch !== this.chokeEpoch || this.choked || lease.blockCount <= 0) return;
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
      this.reportRun('lease-returned', lease, first, lease.blockCount - keptBlocks);
    }
  }

  cancelLease(piece: number, generation: number): void {
    for (const run of this.leases.matching(piece, generation)) {
      this.takeBackRequests(run, true);
      this.leases.drop(run);
    }
  }

  setInterested(interested: boolean): void {
    this.interested = interested;
  }

  // ---- what the peer does ----

  /** All leases are void. Requested blocks may still be on their way. */
  onChoke(): void {
    this.choked = true;
    for (const run of this.leases.all()) this.release(run, false);
    this.chokeEpoch += 1;
    this.appetite.reset();
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

  // ---- time ----

  /** Returns all leases if the peer lets its requests time out. */
  checkDeadline(nowMs: number): void {
    if (nowMs < this.deadlineMs) return;
    this.pipeline.snub();
    for (const run of this.leases.all()) this.release(run, true);
  }

  /**
   * The end of a turn: fills up the requests, and reports the appetite once the coordinator knows
   * the last choke.
   */
  endTurn(nowMs: number, epochKnown: boolean): void {
    this.pipeline.sample(nowMs);
    if (this.choked) return;
    this.fillRequests(nowMs);
    if (epochKnown) this.postAppetite();
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
    rows.push(this.options.connection, bytesInFlight, report.bytesIn, report.limit);
  }

  private fillRequests(nowMs: number): void {
    const { outstanding, leases, geometry } = this;
    if (geometry === undefined) return;
    const { table, writer } = this.options;
    const { depth } = this.pipeline;
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
    if (this.leases.settle(run)) {
      this.reportRun('lease-done', run, run.firstBlock, run.blockCount);
    }
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
   * Ends a run early: its filled stretches are reported done, the others returned. (After a choke
   * the coordinator knows that they are void, and no cancel is needed.)
   */
  private release(run: LeaseRun, giveBack: boolean): void {
    const missing = this.takeBackRequests(run, giveBack);
    const end = run.firstBlock + run.blockCount;
    for (let block = run.nextBlock; block < end; block++) missing.push(block);
    this.leases.drop(run);
    let done = run.firstBlock;
    for (let at = 0; at < missing.length;) {
      const first = missing[at] ?? end;
      let count = 1;
      while (missing[at + count] === first + count) count += 1;
      if (first > done) this.reportRun('lease-done', run, done, first - done);
      if (giveBack) this.reportRun('lease-returned', run, first, count);
      done = first + count;
      at += count;
    }
    if (end > done) this.reportRun('lease-done', run, done, end - done);
  }

  private reportRun(
    type: 'lease-done' | 'lease-returned',
    run: { readonly epoch: number; readonly piece: number; readonly generation: number },
    firstBlock: number,
    blockCount: number,
  ): void {
    this.options.output.fact({
      type,
      connection: this.options.connection,
      epoch: run.epoch,
      piece: run.piece,
      generation: run.generation,
      firstBlock,
      blockCount,
    });
  }
}
