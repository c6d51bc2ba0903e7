// PURE. Which verified pieces may be called durable: only those whose write returned before a file
// sync began that has finished. Nothing else enters the resume record. A failed sync is never tried
// again: the system may have dropped what it could not write, and the next sync would then succeed.

import type { Bitfield, ReadonlyBitfield } from '../bytes/bitfield';

/** A sync is due this long after the first unsynced write. */
const SYNC_INTERVAL_MS = 2_000;
/** A sync is also due once this much was written. Beside what is in flight, a crash costs no more. */
const SYNC_BYTES = 256 * 1024 * 1024;

/** Everything that one sync covers. */
export interface SyncBatch {
  readonly pieces: readonly number[];
  readonly paths: readonly string[];
}

export class Durability {
  /** Pieces that survive a power cut. */
  readonly durable: ReadonlyBitfield;
  readonly #durable: Bitfield;
  #pieces: number[] = [];
  #paths = new Set<string>();
  /** Pieces that were lost and not written since. */
  readonly #lost = new Set<number>();
  #bytes = 0;
  #sinceMs = Infinity;
  #syncing = false;
  #broken = false;

  constructor(durable: Bitfield) {
    this.durable = durable;
    this.#durable = durable;
  }

  get syncing(): boolean {
    return this.#syncing;
  }

  /** A sync failed in this run: until `mend`, no other one is begun. */
  get broken(): boolean {
    return this.#broken;
  }

  /** Written pieces that no finished sync covers yet. */
  get unsynced(): number {
    return this.#pieces.length;
  }

  /** The resume record says that a finished sync covers this piece. */
  trust(piece: number): void {
    this.#durable.set(piece);
  }

  /** A piece was written to these files. */
  written(piece: number, lengthBytes: number, paths: readonly string[], nowMs: number): void {
    if (this.#pieces.length === 0) this.#sinceMs = nowMs;
    this.#pieces.push(piece);
    this.#lost.delete(piece);
    for (const path of paths) this.#paths.add(path);
    this.#bytes += lengthBytes;
  }

  isDue(nowMs: number): boolean {
    return this.dueMs <= nowMs;
  }

  /** When the next sync is due; `Infinity` while nothing waits for one, or one is running or failed. */
  get dueMs(): number {
    if (this.#syncing || this.#broken || this.#pieces.length === 0) return Infinity;
    return this.#bytes >= SYNC_BYTES ? -Infinity : this.#sinceMs + SYNC_INTERVAL_MS;
  }

  /**
   * Starts a sync of all that was written so far; undefined if there is nothing, one is running, or
   * one failed.
   */
  begin(): SyncBatch | undefined {
    if (this.#syncing || this.#broken || this.#pieces.length === 0) return undefined;
    this.#syncing = true;
    return this.#take();
  }

  /** The sync finished: its pieces are durable, but for those that were lost meanwhile. */
  succeeded(batch: SyncBatch): void {
    this.#syncing = false;
    for (const piece of batch.pieces) if (!this.#lost.has(piece)) this.#durable.set(piece);
  }

  /** Another program touched the piece's file: what was written of it is worth nothing. */
  lose(piece: number): void {
    this.#durable.clear(piece);
    this.#lost.add(piece);
  }

  /** The sync failed: whether its pieces lie on the disk can never be known. */
  failed(): void {
    this.#syncing = false;
    this.#broken = true;
  }

  /**
   * Takes out what no finished sync covers. After a failed sync all of it is in doubt: the system reports
   * the loss of a write once, and may have reported it to that sync.
   */
  discard(): readonly number[] {
    return this.#take().pieces;
  }

  /** A new run begins: what is written from now on may be synced again. */
  mend(): void {
    this.#broken = false;
  }

  #take(): SyncBatch {
    const batch = { pieces: this.#pieces, paths: [...this.#paths] };
    this.#pieces = [];
    this.#paths = new Set();
    this.#bytes = 0;
    this.#sinceMs = Infinity;
    return batch;
  }
}
