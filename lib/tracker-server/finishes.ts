// PURE. The finished downloads that a tracker has counted, in bounded memory.

/**
 * Finishes that are remembered, and counts of torrents without peers. 200,000 peers (the most that
 * are listed) that each download for an hour finish 56 times a second: these are the finishes of the
 * last 5 minutes, and a client whose tracker does not reply asks the next one within 2. A finish takes
 * 130 bytes, a count 70, so both take 3.3 MB when full.
 */
export const MAX_REMEMBERED = 16_384;

export class Finishes {
  /** Info hash and peer id, 40 bytes as Latin-1, oldest first. */
  private readonly counted = new Set<string>();
  /** By info hash, of torrents that lost their last peer; the longest empty first. */
  private readonly ofEmpty = new Map<string, number>();

  /**
   * A peer reports that it has finished a download; both keys are 20 bytes as Latin-1. Returns false
   * if this finish is remembered. A client reports it once to each tracker URL and by each address
   * family, and they may all lead to this tracker; its peer id is the same.
   */
  add(infoHash: string, peerId: string): boolean {
    const finish = infoHash + peerId;
    if (this.counted.has(finish)) return false;
    this.counted.add(finish);
    if (this.counted.size > MAX_REMEMBERED) dropFirst(this.counted);
    return true;
  }

  /** The torrent has no peer any more: keeps its count for the next one. */
  keep(infoHash: string, completed: number): void {
    if (completed === 0) return;
    this.ofEmpty.delete(infoHash);
    this.ofEmpty.set(infoHash, completed);
    if (this.ofEmpty.size > MAX_REMEMBERED) dropFirst(this.ofEmpty);
  }

  /** The count of a torrent that had no peer. */
  kept(infoHash: string): number {
    return this.ofEmpty.get(infoHash) ?? 0;
  }
}

function dropFirst(entries: Set<string> | Map<string, number>): void {
  const [first] = entries.keys();
  if (first !== undefined) entries.delete(first);
}
