// The blocks leased to one session: runs in the order of granting, each with a cursor over its slab
// units, and the state of its blocks.

import type { Lease } from '../messages/peer-thread';

/** One lease and its progress. */
export class LeaseRun {
  readonly piece: number;
  readonly generation: number;
  readonly epoch: number;
  readonly firstBlock: number;
  /** Decreases when unrequested blocks are cut off. */
  blockCount: number;
  /** Blocks that were returned one by one; undefined if there are none. */
  returned: Set<number> | undefined;
  /** Blocks that are neither here nor returned. */
  unsettledBlocks: number;
  /** Blocks of the run that were requested or skipped so far. */
  takenBlocks = 0;
  private readonly segments: readonly number[];
  private segment = 0;
  private unitInSegment = 0;

  constructor(lease: Lease, blockCount: number) {
    this.piece = lease.piece;
    this.generation = lease.generation;
    this.epoch = lease.epoch;
    this.firstBlock = lease.firstBlock;
    this.blockCount = blockCount;
    this.unsettledBlocks = blockCount;
    this.segments = lease.segments;
  }

  /** The block of the next `takeUnit`. */
  get nextBlock(): number {
    return this.firstBlock + this.takenBlocks;
  }

  /** Returns the slab unit of the next block and advances; -1 if the lease has too few. */
  takeUnit(): number {
    this.takenBlocks += 1;
    while (this.segment + 1 < this.segments.length) {
      if (this.unitInSegment < (this.segments[this.segment + 1] ?? 0)) {
        const unit = (this.segments[this.segment] ?? 0) + this.unitInSegment;
        this.unitInSegment += 1;
        return unit;
      }
      this.segment += 2;
      this.unitInSegment = 0;
    }
    return -1;
  }
}

export class Leases {
  /** All unsettled runs, oldest first. */
  private runs: LeaseRun[] = [];
  /** Index of the first run with blocks left to request. */
  private cursor = 0;
  private held = 0;

  /** Blocks that are leased and not settled, requested or not. */
  get heldBlocks(): number {
    return this.held;
  }

  add(lease: Lease, blockCount: number): void {
    this.runs.push(new LeaseRun(lease, blockCount));
    this.held += blockCount;
  }

  /** The run to request from next, or undefined. */
  nextToRequest(): LeaseRun | undefined {
    for (;;) {
      const run = this.runs[this.cursor];
      if (run === undefined || run.takenBlocks < run.blockCount) return run;
      this.cursor += 1;
    }
  }

  /** Settles one block of the run. Returns true if it was the last, and the run is removed. */
  settle(run: LeaseRun): boolean {
    this.held -= 1;
    run.unsettledBlocks -= 1;
    if (run.unsettledBlocks > 0) return false;
    this.forget(run);
    return true;
  }

  /** Returns one requested block of the run. Returns true if it was the last unsettled one. */
  giveBack(run: LeaseRun, block: number): boolean {
    run.returned ??= new Set();
    run.returned.add(block);
    return this.settle(run);
  }

  /**
   * Cuts off the blocks that were not requested, and returns their number. A run without unsettled
   * blocks is removed.
   */
  cut(run: LeaseRun): number {
    const cutBlocks = run.blockCount - run.takenBlocks;
    run.blockCount = run.takenBlocks;
    run.unsettledBlocks -= cutBlocks;
    this.held -= cutBlocks;
    if (run.unsettledBlocks === 0) this.forget(run);
    return cutBlocks;
  }

  /** Removes a run with its unsettled blocks. */
  drop(run: LeaseRun): void {
    this.held -= run.unsettledBlocks;
    run.unsettledBlocks = 0;
    this.forget(run);
  }

  /**
   * The runs for a piece and generation (the end-game may lease one twice); a copy, safe to modify.
   */
  matching(piece: number, generation: number): LeaseRun[] {
    return this.runs.filter((run) => run.piece === piece && run.generation === generation);
  }

  all(): LeaseRun[] {
    return [...this.runs];
  }

  private forget(run: LeaseRun): void {
    const index = this.runs.indexOf(run);
    if (index < 0) return;
    if (index === 0)
      this.runs.shift(); // Nearly always the oldest: a splice would move all others.
    else this.runs.splice(index, 1);
    if (index < this.cursor) this.cursor -= 1;
  }
}
