// The verify workers, as the coordinator uses them. Piscina queues the jobs and runs the workers.
// This class decides when a worker may start, makes jobs survive their worker, and gives up a job
// or a pool that cannot work.

import type * as piscina from 'piscina';
import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import { MillraceError } from '../errors/millrace-error';
import { failureReason, systemAdvice, systemReason } from '../errors/system-error';
import type { VerifyJob, VerifyResult, VerifyStart } from '../messages/verify';
import { workerFile } from '../threads/worker-file';
import { JOBS_PER_WORKER } from './gate';
import { JobQueue } from './job-queue';
import type { JobPriority, QueuedJob } from './job-queue';

/** A job fails after this many workers have died running it: it is probably the cause. */
export const MAX_DEATHS_PER_JOB = 3;
/**
 * After this many pools in a row whose last worker died before it was ready, workers are considered
 * unable to start.
 */
const MAX_FRUITLESS_POOLS = 2;
/** After the system has refused a thread, the running ones do the work for this long. */
const REFUSED_FOR_MS = 10_000;
/**
 * Time for the writers of an embedder to close. With 2 s for the last announces and 3 s for the peer
 * threads, that is 10 s of the 15 s after which `close()` ends the threads in any case.
 */
const WRITERS_CLOSE_MS = 5_000;

export interface VerifyPoolOptions {
  /**
   * Most worker threads. The pool starts with one, and each job that has to wait starts another.
   */
  readonly threads: number;
  readonly start: VerifyStart;
  /** Entry point of the workers; specs pass their own. */
  readonly workerPath?: string;
  /** When the pool closes, writers have this long to close. Default 5,000. */
  readonly writersCloseMs?: number;
}

/** A job without a result yet. */
interface Ticket extends QueuedJob {
  readonly job: VerifyJob;
  readonly resolve: (result: VerifyResult) => void;
  readonly reject: (error: MillraceError) => void;
  /** Number of workers that died running it, and the error of the last one. */
  deaths: number;
  reason: string;
  again: boolean;
}

/** The workers, with the queue that Piscina uses. */
interface Started {
  readonly workers: piscina.Piscina;
  readonly queue: JobQueue<piscina.PiscinaTask>;
  /** The key under which a task carries its ticket to the queue; it is not sent to the worker. */
  readonly ticketKey: typeof piscina.queueOptionsSymbol;
  /** The workers that can run jobs. */
  readonly ready: Set<Seen>;
  /** A worker has died in this turn of the event loop before it was ready: its jobs never ran. */
  stillborn: boolean;
  /** No worker is started before this time, because Node has refused one. */
  refusedUntilMs: number;
}

/** Piscina's view of a worker. */
interface Seen {
  readonly destroyed: boolean;
}

export class VerifyPool {
  /** Called with the reason when a worker died. Its jobs are run again in any case. */
  onThreadDeath: ((reason: string) => void) | undefined;
  /** Most worker threads. */
  readonly threads: number;
  /** Number of jobs that keep all workers busy, including workers that are not started yet. */
  readonly maxJobs: number;

  private readonly startData: VerifyStart;
  private readonly workerPath: string;
  private readonly writersCloseMs: number;
  /** Jobs without a result. */
  private readonly tickets = new Set<Ticket>();
  /** Syncs without a result; only the first one is running. */
  private readonly syncs = new Set<Ticket>();
  private started: Started | undefined;
  /** Settles when a pool that lost workers for good has ended; no job runs before that. */
  private rebuilding: Promise<void> | undefined;
  private fruitlessPools = 0;
  private closing: Promise<void> | undefined;
  private onIdle: (() => void) | undefined;

  constructor(options: VerifyPoolOptions) {
    this.threads = options.threads;
    this.maxJobs = options.threads * JOBS_PER_WORKER;
    this.startData = options.start;
    this.workerPath = options.workerPath ?? workerFile('verify');
    this.writersCloseMs = options.writersCloseMs ?? WRITERS_CLOSE_MS;
  }

  /** Worker threads, those that are starting included. */
  get running(): number {
    return this.started?.workers.threads.length ?? 0;
  }

  /** Number of jobs handed to workers and not finished. */
  get inFlight(): number {
    return [...this.tickets].filter(({ begun }) => begun).length;
  }

  /** Number of jobs that wait for a worker. */
  get queued(): number {
    return this.tickets.size - this.inFlight;
  }

  /**
   * Runs a job when its turn comes; failures of pieces are part of the result. Rejects with
   * `verify-worker-died` if three workers died running it (or none can start), and with
   * `shutting-down` if the pool closes before its turn.
   */
  submit(job: VerifyJob, priority: JobPriority): Promise<VerifyResult> {
    if (this.closing !== undefined) return Promise.reject(shuttingDown());
    return new Promise((resolve, reject) => {
      const fresh = { deaths: 0, reason: '', again: false, begun: false };
      const ticket: Ticket = { job, priority, resolve, reject, ...fresh };
      this.tickets.add(ticket);
      if (priority === 'sync') this.syncs.add(ticket);
      if (priority !== 'sync' || this.syncs.size === 1) void this.run(ticket);
    });
  }

  /** Makes every worker close its file handles within a second; they are reopened when needed. */
  closeHandles(): void {
    Atomics.add(new Int32Array(this.startData.closeEpoch), 0, 1);
  }

  /** Terminates one worker, for specs. Returns false if none runs. */
  killOneThread(index = 0): boolean {
    const thread = this.started?.workers.threads[index];
    if (thread === undefined) return false;
    void thread.terminate();
    return true;
  }

  /**
   * Rejects waiting jobs, waits for running ones, has the workers close their writers, and ends them.
   * May be called again.
   */
  close(): Promise<void> {
    this.closing ??= this.closeWhenIdle();
    return this.closing;
  }

  private async closeWhenIdle(): Promise<void> {
    this.started?.queue.clear();
    this.syncs.clear();
    for (const ticket of this.tickets) if (!ticket.begun) this.refuse(ticket, shuttingDown());
    if (this.tickets.size > 0) await new Promise<void>((resolve) => (this.onIdle = resolve));
    await this.rebuilding;
    const started = this.started;
    this.started = undefined;
    if (started === undefined) return;
    await this.closeWriters(started);
    await started.workers.destroy();
  }

  /** All workers are idle, so that Piscina gives each of them one of these calls. */
  private async closeWriters({ workers, ready, ticketKey }: Started): Promise<void> {
    const closed = Array.from(ready, () => {
      const job: QueuedJob = { priority: 'sync', again: false, begun: true };
      return workers.run({ [ticketKey]: job }, { name: 'closeWriters' }) as Promise<void>;
    });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((done) => (timer = setTimeout(done, this.writersCloseMs)));
    await Promise.race([Promise.allSettled(closed), late]);
    clearTimeout(timer);
  }

  /** Gives the job to one worker after another until one finishes it. */
  private async run(ticket: Ticket): Promise<void> {
    for (;;) {
      // A thread of the old pool may still be writing from the job's memory.
      if (this.rebuilding !== undefined) await this.rebuilding;
      if (!this.tickets.has(ticket)) return;
      if (this.closing !== undefined) return this.refuse(ticket, shuttingDown());
      const { deaths, reason } = ticket;
      if (deaths >= MAX_DEATHS_PER_JOB) return this.refuse(ticket, workerDied(reason));
      let started: Started | undefined;
      try {
        started = this.ensurePool();
        const result = await this.hand(started, ticket);
        this.fruitlessPools = 0;
        this.end(ticket);
        return ticket.resolve(ticket.again ? { ...result, again: true } : result);
      } catch (error) {
        this.onLost(ticket, started, failureReason(error));
      }
    }
  }

  /**
   * Gives a job to Piscina, which may start a worker for it. Workers must start only here: by
   * itself, Piscina also starts one on an answer or a death, where the error of a system without a
   * free thread cannot be caught and would end this thread.
   */
  private hand(started: Started, ticket: Ticket): Promise<VerifyResult> {
    const { workers, queue, ticketKey } = started;
    const running = workers.threads.length;
    const most = performance.now() < started.refusedUntilMs ? Math.max(1, running) : this.threads;
    workers.options.maxThreads = most;
    ticket.begun = true; // Taken back by the queue, if it has to wait there.
    try {
      return workers.run({ ...ticket.job, [ticketKey]: ticket }) as Promise<VerifyResult>;
    } catch (error) {
      queue.forget(ticket); // Piscina keeps it all the same.
      ticket.begun = false;
      if (running === 0) throw error;
      started.refusedUntilMs = performance.now() + REFUSED_FOR_MS;
      return this.hand(started, ticket);
    } finally {
      workers.options.maxThreads = 0;
    }
  }

  /**
   * Workers return every failure as a result: a rejection means that the worker is gone, or none
   * can start.
   */
  private onLost(ticket: Ticket, started: Started | undefined, reason: string): void {
    ticket.reason = reason;
    const neverRan = ticket.begun && started?.stillborn === true;
    if (ticket.begun) ticket.again ||= !neverRan;
    ticket.begun = false;
    if (started === undefined) ticket.deaths = MAX_DEATHS_PER_JOB;
    // Jobs of a pool that is being ended are not to blame, nor are those that never ran.
    else if (started === this.started && this.rebuilding === undefined && !neverRan)
      ticket.deaths++;
  }

  private refuse(ticket: Ticket, error: MillraceError): void {
    this.end(ticket);
    ticket.reject(error);
  }

  private end(ticket: Ticket): void {
    if (!this.tickets.delete(ticket)) return;
    if (this.tickets.size === 0) this.onIdle?.();
    if (!this.syncs.delete(ticket)) return;
    const [next] = this.syncs;
    if (next) void this.run(next);
  }

  private ensurePool(): Started {
    if (this.started !== undefined) return this.started;
    // Loaded here, because dialling comes before verifying and start-up time matters.
    const loaded = require('piscina') as typeof piscina;
    const ticketKey: Started['ticketKey'] = loaded.queueOptionsSymbol;
    const queue = new JobQueue((task: piscina.PiscinaTask) => task[ticketKey] as Ticket);
    const ready = new Set<Seen>();
    const workers = new loaded.Piscina({
      filename: this.workerPath,
      minThreads: 1,
      maxThreads: this.threads,
      idleTimeout: Infinity,
      concurrentTasksPerWorker: JOBS_PER_WORKER,
      taskQueue: queue,
      stricterFIFO: true, // Otherwise a job without a worker would go to the end of the queue.
      // Blocking on atomics would stop the timer with which idle workers close their files.
      atomics: 'disabled',
      recordTiming: false,
      workerData: this.startData,
    });
    // From now on it starts none by itself: see `hand`.
    Object.assign(workers.options, { minThreads: 0, maxThreads: 0 });
    const started: Started = {
      workers,
      queue,
      ticketKey,
      ready,
      stillborn: false,
      refusedUntilMs: -Infinity,
    };
    let lastError = '';
    workers.on('error', (error: unknown) => (lastError = failureReason(error)));
    workers.on('workerCreate', (worker: Seen) => ready.add(worker));
    workers.on('workerDestroy', () => {
      started.stillborn = true;
      for (const worker of ready) if (worker.destroyed) started.stillborn = !ready.delete(worker);
      // Piscina emits this before it rejects the worker's jobs; other workers take them over.
      const { stillborn } = started;
      setImmediate(() => {
        started.stillborn = false;
        this.onWorkerGone(started, stillborn, lastError);
      });
    });
    return (this.started = started);
  }

  private onWorkerGone(started: Started, stillborn: boolean, error: string): void {
    if (started !== this.started || this.rebuilding !== undefined) return;
    this.onThreadDeath?.(error === '' ? 'the worker was terminated' : error);
    // It was the last one, and jobs wait for it in the queue: Piscina starts no other.
    if (started.workers.threads.length > 0 || started.queue.size === 0) return;
    if (this.closing !== undefined) return;
    if (stillborn) this.fruitlessPools++;
    this.rebuilding = this.rebuild(started, error);
  }

  private async rebuild(started: Started, reason: string): Promise<void> {
    const waiting = [...this.tickets].filter(({ begun }) => !begun);
    const ended = started.workers.destroy(); // Waits for its threads to end.
    started.stillborn = false; // The last worker was stillborn, but jobs of others end, too.
    for (const ticket of waiting) ticket.begun = false; // as `destroy` took them out of the queue
    await ended;
    this.started = undefined;
    this.rebuilding = undefined;
    if (this.fruitlessPools < MAX_FRUITLESS_POOLS) return;
    this.fruitlessPools = 0;
    for (const ticket of this.tickets) {
      ticket.deaths = MAX_DEATHS_PER_JOB;
      ticket.reason = reason;
    }
  }
}

/**
 * Descriptors that Node needs to start a worker: an event loop (5), and the files of its modules.
 */
const DESCRIPTORS_PER_WORKER = 12;

/**
 * The system's error if descriptors have run out. Node then reports that a module was not found, or
 * only that a worker ended, so this opens some to find out.
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
