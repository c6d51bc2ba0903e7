// PURE. Memory for metadata that is being fetched: a copy takes its whole length when it begins, so that each one
// that has begun can be finished.

export interface RoomHolder {
  readonly totalBytes: number;
  /** Its time is over: it must give way to one that waits for room. */
  mayGiveWay(nowMs: number): boolean;
  /** Ends it, and gives its room back. */
  readonly giveWay: () => void;
}

/** Shared by all torrents. */
export class MetadataRoom {
  private readonly limitBytes: number;
  private readonly holders = new Set<RoomHolder>();
  private takenBytes = 0;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  get usedBytes(): number {
    return this.takenBytes;
  }

  /**
   * Returns false if there is no room. Others give way if their time is over and that is enough. A copy longer
   * than the limit gets room when it is alone.
   */
  take(holder: RoomHolder, nowMs: number): boolean {
    let excessBytes = this.takenBytes + holder.totalBytes - this.limitBytes;
    if (excessBytes > 0 && this.takenBytes > 0) {
      const over = [...this.holders].filter((other) => other.mayGiveWay(nowMs));
      const freeBytes = over.reduce((sum, { totalBytes }) => sum + totalBytes, 0);
      if (freeBytes < excessBytes && freeBytes < this.takenBytes) return false;
      for (const other of over) {
        if (excessBytes <= 0) break;
        excessBytes -= other.totalBytes;
        other.giveWay();
      }
    }
    this.holders.add(holder);
    this.takenBytes += holder.totalBytes;
    return true;
  }

  /** May be called again. */
  giveBack(holder: RoomHolder): void {
    if (this.holders.delete(holder)) this.takenBytes -= holder.totalBytes;
  }
}
