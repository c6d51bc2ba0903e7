// The blocks that the coordinator leased to one session: runs in the order granted, each with a
// cursor over its slab units, and what of it is settled.

import type { Lease } from '../messages/peer-thread';

/** One lease and how far it got. */
export class LeaseRun {
  readonly piece: number;
  readonly generation: number;
  readonly epoch: number;
  readonly firstBlock: number;
  readonly blockCount: number;
  /** Leased and neither here nor given back. */
  unsettledBlocks: number;
  /** Blocks of the run requested (or skipped) so far. */
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

  /** The block that `takeUnit` stands for. */
  get nextBlock(): number {
    return this.firstBlock + this.takenBlocks;
  }

  /** The slab unit of the next block, and on to the one after; -1 if the lease names too few. */
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
  /** Every run that is not settled, oldest first. */
  private runs: LeaseRun[] = [];
  /** Index of the first run that still has blocks to ask for. */
  private cursor = 0;
  private held = 0;

  /** Blocks leased and not settled, requested or not. */
  get heldBlocks(): number {
    return this.held;
  }

  add(lease: Lease, blockCount: number): void {
    this.runs.push(new LeaseRun(lease, blockCount));
    this.held += blockCount;
  }

  /** The run to ask for next, or undefined. */
  nextToRequest(): LeaseRun | undefined {
    for (;;) {
      const run = this.runs[this.cursor];
      if (run === undefined || run.takenBlocks < run.blockCount) return run;
      this.cursor += 1;
    }
  }

  /** One block of the run is settled; true if it was the last, and the run is gone. */
  settle(run: LeaseRun): boolean {
    this.held -= 1;
    run.unsettledBlocks -= 1;
    if (run.unsettledBlocks > 0) return false;
    this.forget(run);
    return true;
  }

  /** Drops a run with whatever is unsettled of it. */
  drop(run: LeaseRun): void {
    this.held -= run.unsettledBlocks;
    run.unsettledBlocks = 0;
    this.forget(run);
  }

  /** The runs of a piece's tenancy (end-game may lease one twice); a copy, safe to drop from. */
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
      this.runs.shift(); // the oldest, nearly always; a splice moves all the others
    else this.runs.splice(index, 1);
    if (index < this.cursor) this.cursor -= 1;
  }
}
