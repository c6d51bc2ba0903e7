// The verify workers as the coordinator sees them: one queue in front of a Piscina pool, with so
// few jobs handed to it that a slow one holds up no other, and jobs that outlive their worker.
import type { Piscina } from 'piscina';
import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import { MillraceError } from '../errors/millrace-error';
import { systemAdvice, systemReason } from '../errors/system-error';
import type { VerifyJob, VerifyResult, VerifyStart } from '../messages/verify';
import { workerFile } from '../threads/worker-file';
import { JobQueue } from './job-queue';
import type { JobPriority } from './job-queue';

/** A job fails after this many workers have died on it: it is taken for the cause. */
export const MAX_DEATHS_PER_JOB = 3;
/** After this many pools in a row without one finished job, workers are taken to be unable to start. */
const MAX_FRUITLESS_POOLS = 2;
/**
 * After jobs have waited for this long without a gap, the number of workers doubles. At the speed of a
 * home's line no job ever waits, and a worker costs 100 ms of a core and 13 MiB; at 500 MiB/s the second
 * worker is up when the first has begun.
 */
const GROW_AFTER_MS = 50;

export interface VerifyPoolOptions {
  /** Worker threads at most. */
  readonly threads: number;
  /** Worker threads to begin with; more are started while jobs wait. Default `threads`. */
  readonly minThreads?: number;
  readonly start: VerifyStart;
  /** Jobs handed to one worker at a time; the second hides the way to and fro. Default 2. */
  readonly maxInFlightPerWorker?: number;
  /** Entry point of the workers; specs bring their own. */
  readonly workerPath?: string;
}

interface Ticket {
  readonly job: VerifyJob;
  readonly priority: JobPriority;
  readonly resolve: (result: VerifyResult) => void;
  readonly reject: (error: MillraceError) => void;
  deaths: number;
  /** It was handed to a worker before, which died. */
  again: boolean;
}

export class VerifyPool {
  /** Told why a worker died. Its jobs are run again in any case. */
  onThreadDeath: ((reason: string) => void) | undefined;

  private readonly threads: number;
  private readonly minThreads: number;
  private readonly perWorker: number;
  private readonly startData: VerifyStart;
  private readonly workerPath: string;
  private readonly queue = new JobQueue<Ticket>();
  private readonly running = new Set<Ticket>();
  private piscina: Piscina | undefined;
  /** Workers that jobs are handed out for, between `minThreads` and `threads`. */
  private active: number;
  /** Runs while jobs wait that another worker could take. */
  private growTimer: NodeJS.Timeout | undefined;
  /** The end of a pool that lost workers for good; nothing is dispatched before it. */
  private rebuilding: Promise<void> | undefined;
  private fruitlessPools = 0;
  private closing: Promise<void> | undefined;
  private onIdle: (() => void) | undefined;

  constructor(options: VerifyPoolOptions) {
    this.threads = options.threads;
    this.minThreads = Math.min(options.minThreads ?? options.threads, options.threads);
    this.active = this.minThreads;
    this.perWorker = options.maxInFlightPerWorker ?? 2;
    this.startData = options.start;
    this.workerPath = options.workerPath ?? workerFile('verify');
  }

  /** Jobs that wait for a worker. */
  get queued(): number {
    return this.queue.size;
  }

  /** Jobs handed to workers and not answered. */
  get inFlight(): number {
    return this.running.size;
  }

  /** Starts the workers now rather than at the first job. */
  start(): void {
    if (this.closing === undefined && this.rebuilding === undefined) this.ensurePool();
  }

  /**
   * Runs a job, sooner or later; per-piece failures are in its result. Rejects with
   * `verify-worker-died` when it took three workers with it (or none can start), and with
   * `shutting-down` when the pool closes before its turn.
   */
  submit(job: VerifyJob, priority: JobPriority): Promise<VerifyResult> {
    if (this.closing !== undefined) return Promise.reject(shuttingDown());
    return new Promise((resolve, reject) => {
      this.queue.push({ job, priority, resolve, reject, deaths: 0, again: false });
      this.pump();
    });
  }

  /** Makes every worker close its file handles within a second; they reopen what they need. */
  closeHandles(): void {
    Atomics.add(new Int32Array(this.startData.closeEpoch), 0, 1);
  }

  /** Terminates one worker: for specs. False when none runs. */
  killOneThread(index = 0): boolean {
    const thread = this.piscina?.threads[index];
    if (thread === undefined) return false;
    void thread.terminate();
    return true;
  }

  /** Refuses what waits, lets what runs finish, then ends the workers. May be called again. */
  close(): Promise<void> {
    this.closing ??= this.closeWhenIdle();
    return this.closing;
  }

  private async closeWhenIdle(): Promise<void> {
    for (const ticket of this.queue.drain()) ticket.reject(shuttingDown());
    clearTimeout(this.growTimer);
    if (this.running.size > 0) await new Promise<void>((resolve) => (this.onIdle = resolve));
    await this.rebuilding;
    const piscina = this.piscina;
    this.piscina = undefined;
    await piscina?.destroy();
  }

  private pump(): void {
    if (this.rebuilding !== undefined) return;
    while (this.running.size < this.active * this.perWorker) {
      const ticket = this.queue.next(this.syncIsRunning());
      if (ticket === undefined) break;
      this.running.add(ticket);
      void this.dispatch(ticket);
    }
    this.watchBacklog();
  }

  /** Another worker, once jobs have waited without a gap: the present ones are slow, or hang. */
  private watchBacklog(): void {
    if (this.queue.size === 0 || this.active === this.threads || this.closing !== undefined) {
      clearTimeout(this.growTimer);
      this.growTimer = undefined;
      return;
    }
    this.growTimer ??= setTimeout(() => {
      this.growTimer = undefined;
      this.active = Math.min(this.active * 2, this.threads);
      this.pump();
    }, GROW_AFTER_MS).unref();
  }

  private syncIsRunning(): boolean {
    for (const ticket of this.running) if (ticket.priority === 'sync') return true;
    return false;
  }

  private async dispatch(ticket: Ticket): Promise<void> {
    let piscina: Piscina;
    try {
      piscina = this.ensurePool();
    } catch (error) {
      // Node refuses to start any worker: nothing runs, and nothing is to be waited for.
      this.running.delete(ticket);
      ticket.reject(workerDied(reasonOf(error)));
      return;
    }
    try {
      const result = (await piscina.run(ticket.job)) as VerifyResult;
      this.running.delete(ticket);
      this.fruitlessPools = 0;
      ticket.resolve(ticket.again ? { ...result, again: true } : result);
    } catch (error) {
      // Workers return every failure as a result, so a rejection means that the worker is gone.
      await this.onJobLost(piscina, ticket, reasonOf(error));
    }
    if (this.running.size === 0) this.onIdle?.();
    this.pump();
  }

  private async onJobLost(piscina: Piscina, ticket: Ticket, reason: string): Promise<void> {
    // Jobs of a pool that is being taken down are not to blame; but they must not run again while
    // one of its threads may still be writing from their memory.
    if (this.rebuilding !== undefined || piscina !== this.piscina) await this.rebuilding;
    else ticket.deaths++;
    this.running.delete(ticket);
    ticket.again = true;
    if (this.closing !== undefined) ticket.reject(shuttingDown());
    else if (ticket.deaths >= MAX_DEATHS_PER_JOB) ticket.reject(workerDied(reason));
    else this.queue.putBack(ticket);
  }

  private ensurePool(): Piscina {
    if (this.piscina !== undefined) return this.piscina;
    // Loaded here, because start-up is on the clock and dialling comes before verifying.
    // An import would load it at once.
    const loaded = require('piscina') as { readonly Piscina: typeof Piscina };
    const piscina = new loaded.Piscina({
      filename: this.workerPath,
      minThreads: this.minThreads,
      // Piscina starts another worker for the first job that the present ones have no place for.
      maxThreads: this.threads,
      idleTimeout: Infinity,
      concurrentTasksPerWorker: this.perWorker,
      maxQueue: this.threads * this.perWorker,
      // Blocking on atomics would stop the timer by which idle workers close their files.
      atomics: 'disabled',
      recordTiming: false,
      workerData: this.startData,
    });
    let lastError = '';
    piscina.on('error', (error: unknown) => (lastError = reasonOf(error)));
    piscina.on('workerDestroy', () => {
      if (piscina !== this.piscina || this.rebuilding !== undefined) return;
      // Piscina has not yet decided on a replacement when it says this, nor reported its error.
      setImmediate(() => this.onWorkerGone(piscina, lastError));
    });
    this.piscina = piscina;
    return piscina;
  }

  private onWorkerGone(piscina: Piscina, error: string): void {
    if (piscina !== this.piscina || this.rebuilding !== undefined) return;
    this.onThreadDeath?.(error === '' ? 'the worker was terminated' : error);
    this.active = Math.max(this.minThreads, Math.min(this.active, piscina.threads.length));
    // Piscina replaces a dead worker, but gives up for good after one that died while it started.
    if (piscina.threads.length >= this.minThreads) return;
    if (this.closing === undefined) this.rebuilding = this.rebuild(piscina, error);
    // No other pool follows, and nothing else would end the jobs that wait inside this one.
    else if (piscina.threads.length === 0) void piscina.destroy();
  }

  private async rebuild(piscina: Piscina, error: string): Promise<void> {
    this.fruitlessPools++;
    await piscina.destroy(); // waits for its threads to end
    this.piscina = undefined;
    this.rebuilding = undefined;
    if (this.fruitlessPools >= MAX_FRUITLESS_POOLS) {
      this.fruitlessPools = 0;
      for (const ticket of this.queue.drain()) ticket.reject(workerDied(error));
      for (const ticket of this.running) ticket.deaths = MAX_DEATHS_PER_JOB;
    }
    // Jobs of the old pool wait for this very promise and go back to the queue after it.
    setImmediate(() => this.pump());
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What Node needs to start a worker and load its modules: an event loop (5) and files being read. */
const DESCRIPTORS_PER_WORKER = 12;

/**
 * The system's error when descriptors have run out. Node then says that a module cannot be found, or
 * only that a worker ended, so it is tried out.
 */
function outOfDescriptors(): NodeJS.ErrnoException | undefined {
  const open: number[] = [];
  try {
    while (open.length < DESCRIPTORS_PER_WORKER) open.push(openSync(devNull, 'r'));
    return undefined;
  } catch (error) {
    return error as NodeJS.ErrnoException;
  } finally {
    for (const fd of open) closeSync(fd);
  }
}

function workerDied(reason: string): MillraceError {
  const cause = outOfDescriptors();
  if (cause !== undefined) {
    return new MillraceError(
      'verify-worker-died',
      `no verify worker can start: ${systemReason(cause)}${systemAdvice(cause.code)}`,
      { cause: cause.code ?? 'unknown' },
    );
  }
  return new MillraceError(
    'verify-worker-died',
    `a verify worker died under the same job ${MAX_DEATHS_PER_JOB} times, or none can start: ${reason}`,
  );
}

function shuttingDown(): MillraceError {
  return new MillraceError('shutting-down', 'the engine is closing: the verify job was not run');
}
