// The only gate before the verify workers: decides whether another job of filled pieces may go out.
// While it is shut, pieces wait; they are collected into larger jobs, and torrents take turns.
// Pure.
//
// Rechecks bypass it, with `maxJobs` jobs at a time, and so do syncs, one at a time. In Piscina's
// queue both have lower priority than jobs of filled pieces.

/** Jobs per worker: one runs, and the next is ready when it ends. */
export const JOBS_PER_WORKER = 2;

/**
 * Another worker is used after jobs have waited for this long without a gap. At the speed of a home
 * connection no job ever waits, and a worker costs 100 ms of a core and 13 MiB. At 500 MiB/s the
 * second worker is ready shortly after the first.
 */
const GROW_AFTER_MS = 50;

export class VerifyGate {
  /**
   * Number of workers that jobs go out for. The pool starts another one for the first job without a
   * place.
   */
  private workers: number;
  private readonly maxWorkers: number;
  private jobsOut = 0;
  private waitingSinceMs: number | undefined;

  constructor(minWorkers: number, maxWorkers: number) {
    this.workers = minWorkers;
    this.maxWorkers = maxWorkers;
  }

  /** Whether a waiting job may go out. */
  isOpen(nowMs: number): boolean {
    if (this.hasRoom()) return true;
    this.waitingSinceMs ??= nowMs;
    if (this.workers === this.maxWorkers) return false;
    if (nowMs - this.waitingSinceMs < GROW_AFTER_MS) return false;
    this.workers = Math.min(this.workers * 2, this.maxWorkers);
    this.waitingSinceMs = nowMs;
    return this.hasRoom();
  }

  /** No job waits now. */
  onNoneWaiting(): void {
    this.waitingSinceMs = undefined;
  }

  /** A job goes out; an urgent one may do so even if the gate is shut. */
  onOut(): void {
    this.jobsOut++;
  }

  onAnswer(): void {
    this.jobsOut--;
  }

  private hasRoom(): boolean {
    return this.jobsOut < this.workers * JOBS_PER_WORKER;
  }
}
