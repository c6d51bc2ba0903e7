// Paces announces: each tracker has its own queue, and HTTP trackers share a total limit. p-queue
// does the waiting; it is loaded with the first announce.

import PQueue from 'p-queue';

/**
 * Concurrent announces per tracker. Each tracker has its own queue, so that a dead one (a UDP
 * tracker holds its slot for 105 s) delays only the announces to itself.
 */
export const ANNOUNCES_PER_TRACKER = 16;

/**
 * Concurrent HTTP announces in total. Each opens two connections if the tracker has IPv4 and IPv6:
 * at most 512, below the usual limit of 1,024 open files per process. Each ends after 15 s. UDP
 * announces share two sockets and need no such limit.
 */
export const HTTP_ANNOUNCES = 256;

export class AnnouncePacer {
  /** Keyed by scheme and host; an entry is removed when its queue is empty. */
  private readonly trackers = new Map<string, PQueue>();
  private readonly http = new PQueue({ concurrency: HTTP_ANNOUNCES });

  add(task: () => Promise<void>, url: string): void {
    const tracker = trackerOf(url);
    let queue = this.trackers.get(tracker);
    if (queue === undefined) {
      queue = new PQueue({ concurrency: ANNOUNCES_PER_TRACKER });
      queue.on('idle', () => this.trackers.delete(tracker));
      this.trackers.set(tracker, queue);
    }
    void queue.add(() => (/^udp:/i.test(url) ? task() : this.http.add(task)));
  }

  /** Number of trackers with announces queued or in flight. */
  get busyTrackers(): number {
    return this.trackers.size;
  }
}

function trackerOf(url: string): string {
  if (!URL.canParse(url)) return url;
  const { protocol, host } = new URL(url);
  return `${protocol}//${host}`;
}
