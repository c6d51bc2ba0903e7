// PURE. Which verified pieces count as durable: those whose write returned before the start of a
// file sync that succeeded. Only these enter the resume record. A failed sync is never retried: the
// system may have dropped what it could not write, and the next sync would then succeed.

import type { Bitfield, ReadonlyBitfield } from '../../bytes/bitfield';

/** A sync is due this long after the first unsynced write. */
const SYNC_INTERVAL_MS = 2_000;
/**
 * A sync is also due after this many unsynced bytes: a crash costs no more, apart from data in
 * flight.
 */
const SYNC_BYTES = 256 * 1024 * 1024;

/** What one sync covers. */
export interface SyncBatch {
  readonly pieces: readonly number[];
  readonly paths: readonly string[];
}

export class Durability {
  /** Pieces that survive a power cut. */
  readonly durable: ReadonlyBitfield;
  private readonly durableBits: Bitfield;
  private pieces: number[] = [];
  private paths = new Set<string>();
  /** Pieces that were lost and not written again. */
  private readonly lost = new Set<number>();
  private bytes = 0;
  private sinceMs = Infinity;
  private isSyncing = false;
  private isBroken = false;

  constructor(durable: Bitfield) {
    this.durable = durable;
    this.durableBits = durable;
  }

  get syncing(): boolean {
    return this.isSyncing;
  }

  /** A sync failed in this run: no other one starts until `mend`. */
  get broken(): boolean {
    return this.isBroken;
  }

  /** Number of written pieces that no finished sync covers yet. */
  get unsynced(): number {
    return this.pieces.length;
  }

  /** According to the resume record, a finished sync covers this piece. */
  trust(piece: number): void {
    this.durableBits.set(piece);
  }

  /** A piece was written to these files. */
  written(piece: number, lengthBytes: number, paths: readonly string[], nowMs: number): void {
    if (this.pieces.length === 0) this.sinceMs = nowMs;
    this.pieces.push(piece);
    this.lost.delete(piece);
    for (const path of paths) this.paths.add(path);
    this.bytes += lengthBytes;
  }

  isDue(nowMs: number): boolean {
    return this.dueMs <= nowMs;
  }

  /**
   * When the next sync is due; `Infinity` while nothing is unsynced, a sync is running, or one has
   * failed.
   */
  get dueMs(): number {
    if (this.isSyncing || this.isBroken || this.pieces.length === 0) return Infinity;
    return this.bytes >= SYNC_BYTES ? -Infinity : this.sinceMs + SYNC_INTERVAL_MS;
  }

  /**
   * Starts a sync of everything written so far; undefined if there is nothing to sync, one is
   * running, or one has failed.
   */
  begin(): SyncBatch | undefined {
    if (this.isSyncing || this.isBroken || this.pieces.length === 0) return undefined;
    this.isSyncing = true;
    return this.take();
  }

  /** The sync succeeded: its pieces are durable, except for those lost meanwhile. */
  succeeded(batch: SyncBatch): void {
    this.isSyncing = false;
    for (const piece of batch.pieces) if (!this.lost.has(piece)) this.durableBits.set(piece);
  }

  /** Another program touched the piece's file: the written data no longer counts. */
  lose(piece: number): void {
    this.durableBits.clear(piece);
    this.lost.add(piece);
  }

  /** The sync failed: its pieces may or may not be on the disk, and nothing can tell. */
  failed(): void {
    this.isSyncing = false;
    this.isBroken = true;
  }

  /**
   * Takes out everything that no finished sync covers. After a failed sync all of it is in doubt:
   * the system reports a lost write only once, and may have reported it to that sync.
   */
  discard(): readonly number[] {
    return this.take().pieces;
  }

  /** A new run begins: later writes may be synced again. */
  mend(): void {
    this.isBroken = false;
  }

  private take(): SyncBatch {
    const batch = { pieces: this.pieces, paths: [...this.paths] };
    this.pieces = [];
    this.paths = new Set();
    this.bytes = 0;
    this.sinceMs = Infinity;
    return batch;
  }
}
