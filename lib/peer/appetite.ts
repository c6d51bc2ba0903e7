// PURE. How much work a session would take, as the coordinator hears it: a credit of blocks that only
// grows until the peer chokes us, so that what crosses on the way never adds up to too much.

export class Appetite {
  /** Blocks of the leases that were accepted since the last choke. */
  private acceptedBlocks = 0;
  /** The credit that the coordinator knows. */
  private creditBlocks = 0;

  accept(blockCount: number): void {
    this.acceptedBlocks += blockCount;
  }

  /** The peer chokes us: the coordinator begins to count anew, too. */
  reset(): void {
    this.acceptedBlocks = 0;
    this.creditBlocks = 0;
  }

  /**
   * The credit to report; undefined while it has grown by less than a quarter of the depth. What is
   * requested or held is to be a depth, and a reserve so that a round trip to the coordinator never
   * drains the pipe. No more than that: what a slow peer holds, no faster one that gets it can bring.
   */
  grow(heldBlocks: number, depth: number, reserve: number): number | undefined {
    const settledBlocks = this.acceptedBlocks - heldBlocks;
    const wantedBlocks = settledBlocks + depth + reserve;
    if (wantedBlocks - this.creditBlocks < Math.max(1, depth >> 2)) return undefined;
    this.creditBlocks = wantedBlocks;
    return wantedBlocks;
  }
}
