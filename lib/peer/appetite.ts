// PURE. How much work a session accepts, as reported to the coordinator: a credit of blocks that
// only grows until the peer chokes us, so that messages in flight never add up to too much.

export class Appetite {
  /** Blocks of leases accepted since the last choke. */
  private acceptedBlocks = 0;
  /** The credit that was reported last. */
  private creditBlocks = 0;

  accept(blockCount: number): void {
    this.acceptedBlocks += blockCount;
  }

  /** The peer choked us: the coordinator also starts to count from zero. */
  reset(): void {
    this.acceptedBlocks = 0;
    this.creditBlocks = 0;
  }

  /**
   * The credit to report; undefined while it has grown by less than a quarter of the depth. It
   * covers one depth of requested or held blocks, and a reserve, so that a round trip to the
   * coordinator does not drain the pipeline. More would keep a slow peer's blocks from faster
   * peers.
   */
  grow(heldBlocks: number, depth: number, reserve: number): number | undefined {
    const settledBlocks = this.acceptedBlocks - heldBlocks;
    const wantedBlocks = settledBlocks + depth + reserve;
    if (wantedBlocks - this.creditBlocks < Math.max(1, depth >> 2)) return undefined;
    this.creditBlocks = wantedBlocks;
    return wantedBlocks;
  }
}
