// PURE. Memory for metadata that is being fetched. A copy reserves its whole length when it begins, so it never
// waits for memory later.

export interface RoomHolder {
  readonly totalBytes: number;
  /** Its time is over: it may be dropped for a copy that waits for memory. */
  mayGiveWay(nowMs: number): boolean;
  /** Drops it, and releases its memory. */
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
   * Reserves memory for a copy; returns false if there is none. Copies whose time is over are dropped if that
   * frees enough. A copy longer than the limit gets memory when there is no other.
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
