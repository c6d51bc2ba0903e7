// The gate before the verify workers, the only one: which jobs of filled pieces may go out. Jobs behind it
// wait as pieces, which gather into larger jobs and are picked torrent by torrent. Pure.
//
// Rechecks pass by it: each brings `maxJobs` jobs at a time. So do syncs, one at a time. In Piscina's
// queue both stand behind the jobs of filled pieces.

/** Jobs that a worker holds: one runs, the other is there when it ends. */
export const JOBS_PER_WORKER = 2;

/**
 * After jobs have waited for this long without a gap, another worker is used. At the speed of a home's
 * line no job ever waits, and a worker costs 100 ms of a core and 13 MiB; at 500 MiB/s the second worker
 * is up when the first has begun.
 */
const GROW_AFTER_MS = 50;

/** After this long without a job their number is the least again; by then the pool has ended them. */
export const IDLE_AFTER_MS = 60_000;

export class VerifyGate {
  /** Workers that jobs go out for. The pool starts another for the first job that finds no place. */
  #workers: number;
  readonly #minWorkers: number;
  readonly #maxWorkers: number;
  #jobsOut = 0;
  #lastAnswerMs = -Infinity;
  #waitingSinceMs: number | undefined;

  constructor(minWorkers: number, maxWorkers: number) {
    this.#workers = minWorkers;
    this.#minWorkers = minWorkers;
    this.#maxWorkers = maxWorkers;
  }

  /** Whether a job that waits may go out. */
  isOpen(nowMs: number): boolean {
    if (this.#hasRoom()) return true;
    this.#waitingSinceMs ??= nowMs;
    if (this.#workers === this.#maxWorkers) return false;
    if (nowMs - this.#waitingSinceMs < GROW_AFTER_MS) return false;
    this.#workers = Math.min(this.#workers * 2, this.#maxWorkers);
    this.#waitingSinceMs = nowMs;
    return this.#hasRoom();
  }

  /** No job waits, now. */
  onNoneWaiting(): void {
    this.#waitingSinceMs = undefined;
  }

  /** A job goes out; one that cannot wait may do so whether the gate is open or not. */
  onOut(nowMs: number): void {
    if (this.#jobsOut === 0 && nowMs - this.#lastAnswerMs >= IDLE_AFTER_MS)
      this.#workers = this.#minWorkers;
    this.#jobsOut++;
  }

  onAnswer(nowMs: number): void {
    this.#lastAnswerMs = nowMs;
    this.#jobsOut--;
  }

  #hasRoom(): boolean {
    return this.#jobsOut < this.#workers * JOBS_PER_WORKER;
  }
}
