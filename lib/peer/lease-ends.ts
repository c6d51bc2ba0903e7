// Reports how leases end: which of their blocks were received, and which are returned to the coordinator.

import type { WhyReturned } from '../messages/peer-thread';
import type { LeaseRun } from './leases';
import type { SessionOutput } from './session-types';

const NO_BLOCKS: ReadonlySet<number> = new Set();

/** The fields that identify the piece of a run in facts. */
type RunName = Pick<LeaseRun, 'epoch' | 'piece' | 'generation'>;

/** Adjacent blocks of a run that were rejected this turn. */
interface RejectedRun {
  readonly run: LeaseRun;
  readonly why: WhyReturned;
  readonly firstBlock: number;
  blockCount: number;
}

export class LeaseEnds {
  private readonly connection: number;
  private readonly output: SessionOutput;
  private rejects: RejectedRun | undefined;

  constructor(connection: number, output: SessionOutput) {
    this.connection = connection;
    this.output = output;
  }

  /** Returns these blocks of a run. */
  returned(why: WhyReturned, run: RunName, firstBlock: number, blockCount: number): void {
    const { connection } = this;
    const { epoch, piece, generation } = run;
    const part = { epoch, piece, generation, firstBlock, blockCount };
    this.output.fact({ type: 'lease-returned', why, connection, ...part });
  }

  /**
   * A run is over. Its `missing` blocks are returned if there is a reason; blocks that were returned before
   * are left out, and the others are reported as received.
   */
  rest(run: LeaseRun, missing = NO_BLOCKS, why?: WhyReturned): void {
    const end = run.firstBlock + run.blockCount;
    if (missing.size === 0 && run.returned === undefined) {
      return this.done(run, run.firstBlock, run.blockCount);
    }
    const isHere = (block: number): boolean => !missing.has(block) && !run.returned?.has(block);
    for (let first = run.firstBlock; first < end;) {
      const here = isHere(first);
      const lacks = missing.has(first);
      let next = first + 1;
      while (next < end && isHere(next) === here && missing.has(next) === lacks) next += 1;
      if (here) this.done(run, first, next - first);
      else if (lacks && why !== undefined) this.returned(why, run, first, next - first);
      first = next;
    }
  }

  /** The peer rejected one block; rejects of adjacent blocks are reported together. */
  rejected(run: LeaseRun, block: number, why: WhyReturned): void {
    const last = this.rejects;
    if (last?.run === run && last.why === why && last.firstBlock + last.blockCount === block) {
      last.blockCount += 1;
      return;
    }
    this.endTurn();
    this.rejects = { run, why, firstBlock: block, blockCount: 1 };
  }

  /** Reports the blocks that were rejected this turn. */
  endTurn(): void {
    const { rejects } = this;
    if (rejects === undefined) return;
    this.rejects = undefined;
    this.returned(rejects.why, rejects.run, rejects.firstBlock, rejects.blockCount);
  }

  private done(run: RunName, firstBlock: number, blockCount: number): void {
    const { connection } = this;
    const { epoch, piece, generation } = run;
    this.output.fact({
      type: 'lease-done',
      connection,
      epoch,
      piece,
      generation,
      firstBlock,
      blockCount,
    });
  }
}
