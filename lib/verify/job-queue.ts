// The order of waiting verify jobs: what peers wait for first, then syncs, then rechecks and
// `create`. Plain state; the pool decides when to ask.

/**
 * `live`: pieces just downloaded. `sync`: makes them durable, one at a time, because two would only
 * wait for the same disk. `background`: rechecks and `create`.
 */
export type JobPriority = 'live' | 'sync' | 'background';

export interface Prioritised {
  readonly priority: JobPriority;
}

export class JobQueue<Job extends Prioritised> {
  private readonly waiting: Readonly<Record<JobPriority, Job[]>> = {
    live: [],
    sync: [],
    background: [],
  };

  get size(): number {
    return this.waiting.live.length + this.waiting.sync.length + this.waiting.background.length;
  }

  push(job: Job): void {
    this.waiting[job.priority].push(job);
  }

  /** Puts a job back in front of its kind: it has waited already. */
  putBack(job: Job): void {
    this.waiting[job.priority].unshift(job);
  }

  /** The next job to run, or undefined; syncs are passed over while `syncRunning`. */
  next(syncRunning: boolean): Job | undefined {
    return (
      this.waiting.live.shift() ??
      (syncRunning ? undefined : this.waiting.sync.shift()) ??
      this.waiting.background.shift()
    );
  }

  /** Empties the queue. */
  drain(): Job[] {
    const { live, sync, background } = this.waiting;
    return [...live.splice(0), ...sync.splice(0), ...background.splice(0)];
  }
}
