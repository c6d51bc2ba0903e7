// The order of waiting verify jobs, as Piscina's `taskQueue`: first jobs that peers wait for, then
// syncs, then rechecks and `create`. Plain state.

/**
 * `live`: pieces just downloaded. `sync`: makes them durable, one at a time, because two would wait
 * for the same disk. `background`: rechecks and `create`.
 */
export type JobPriority = 'live' | 'sync' | 'background';

/** What the queue needs to know of a job. */
export interface QueuedJob {
  readonly priority: JobPriority;
  /** A worker died running it before: it goes to the front of its priority. */
  readonly again: boolean;
  /** A worker has the job. Updated here when the job enters or leaves the queue. */
  begun: boolean;
}

/** `Task` is Piscina's type; `jobOf` finds the job in it. */
export class JobQueue<Task> {
  private readonly waiting: Readonly<Record<JobPriority, Task[]>> = {
    live: [],
    sync: [],
    background: [],
  };
  private readonly jobOf: (task: Task) => QueuedJob;

  constructor(jobOf: (task: Task) => QueuedJob) {
    this.jobOf = jobOf;
  }

  get size(): number {
    const { live, sync, background } = this.waiting;
    return live.length + sync.length + background.length;
  }

  push(task: Task): void {
    const { priority, again } = this.enter(task);
    if (again) this.waiting[priority].unshift(task);
    else this.waiting[priority].push(task);
  }

  /** Returns a task that was taken out and found no worker. */
  unshift(task: Task): void {
    this.waiting[this.enter(task).priority].unshift(task);
  }

  shift(): Task | null {
    const { live, sync, background } = this.waiting;
    const task = live.shift() ?? sync.shift() ?? background.shift();
    if (task === undefined) return null;
    this.jobOf(task).begun = true;
    return task;
  }

  remove(task: Task): void {
    this.forget(this.jobOf(task));
  }

  /** Removes a job, if it waits here. */
  forget(job: QueuedJob): void {
    const waiting = this.waiting[job.priority];
    const at = waiting.findIndex((task) => this.jobOf(task) === job);
    if (at !== -1) waiting.splice(at, 1);
  }

  clear(): void {
    for (const waiting of Object.values(this.waiting)) waiting.length = 0;
  }

  private enter(task: Task): QueuedJob {
    const job = this.jobOf(task);
    job.begun = false;
    return job;
  }
}
