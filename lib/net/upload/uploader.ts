// The uploads of a thread together: the memory that they share, and which of them gives way when it is
// short. A peer that does not read what it gets is not read for, and holds no memory that others need.

import type { PeerFact } from '../../messages/peer-thread';
import type { OpenContent } from '../open-content';
import { OutgoingRun } from './outgoing-run';
import { ReadAhead } from './read-ahead';
import type { ReadingUpload } from './read-ahead';
import { UploadMemory } from './upload-memory';

/** Read-ahead memory of a thread that served nobody for this long is given back. */
const TRIM_AFTER_MS = 10_000;

/** Memory is short, and a peer took nothing of what it holds of it for this long: it is closed. */
const NOT_READING_MS = 5_000;

/** An upload, as far as it shares memory with the others of its thread. */
export interface SharingUpload extends ReadingUpload {
  readonly hasPins: boolean;
  /** How long the peer has taken nothing of its queue; 0 with nothing in it. */
  stalledMs(nowMs: number): number;
  closeStalled(stalledMs: number): void;
}

export class Uploader {
  readonly memory: UploadMemory;
  readonly reads: ReadAhead;
  /** Rounds of answers come one after the other: one run does for all. */
  readonly run = new OutgoingRun();
  readonly nowMs: () => number;
  private readonly uploads = new Set<SharingUpload>();
  /** Those that wait for room for a copy. */
  private crowded = new Set<SharingUpload>();
  /** Since the last tick nothing could be pinned for somebody, because of what others have pinned. */
  private pinsAreShort = false;
  private lastUseMs = -Infinity;

  constructor(budgetBytes: number, send: (fact: PeerFact) => void, nowMs: () => number) {
    this.memory = new UploadMemory(budgetBytes);
    this.reads = new ReadAhead(this.memory, send, nowMs);
    this.nowMs = nowMs;
  }

  // ---- for uploads ----

  add(upload: SharingUpload): void {
    this.uploads.add(upload);
  }

  /** Its connection is gone. Its writes release their memory by themselves. */
  forget(upload: SharingUpload): void {
    this.uploads.delete(upload);
    this.crowded.delete(upload);
    this.reads.forget(upload);
  }

  /** Requests are answered now: the time. */
  noteUse(): number {
    this.lastUseMs = this.nowMs();
    return this.lastUseMs;
  }

  /** Nothing is queued for it, and there is no room for a copy. */
  waitForRoom(upload: SharingUpload): void {
    this.crowded.add(upload);
  }

  /** Nothing is queued for it, and nothing could be pinned. */
  notePinsShort(): void {
    this.pinsAreShort = true;
  }

  /** What a write held is free. */
  onReleased(): void {
    this.reads.onBufferFree();
    if (this.crowded.size === 0 || !this.memory.hasRoomForCopies) return;
    const { crowded } = this;
    this.crowded = new Set();
    for (const upload of crowded) upload.resume();
  }

  // ---- for the thread ----

  closeContent(source: OpenContent): void {
    this.memory.cache.evictAllOf(source);
  }

  /** It keeps no memory: no tick is needed to give any back. */
  get isEmpty(): boolean {
    return this.memory.cache.allocatedBytes === 0;
  }

  tick(nowMs: number): void {
    if (this.pinsAreShort || this.crowded.size > 0) this.makeRoom(nowMs);
    if (nowMs - this.lastUseMs < TRIM_AFTER_MS || this.isEmpty) return;
    this.memory.cache.trim();
  }

  /** Closes the peer that has held memory back for longest, if that is long. */
  private makeRoom(nowMs: number): void {
    const { pinsAreShort } = this;
    this.pinsAreShort = false;
    let worst: SharingUpload | undefined;
    let worstMs = 0;
    for (const upload of this.uploads) {
      const holdsIt = upload.hasPins ? pinsAreShort : this.crowded.size > 0;
      const stalledMs = upload.stalledMs(nowMs);
      if (!holdsIt || stalledMs < NOT_READING_MS || stalledMs <= worstMs) continue;
      worst = upload;
      worstMs = stalledMs;
    }
    worst?.closeStalled(worstMs);
  }
}
