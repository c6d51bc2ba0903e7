// Announces, paced: each tracker has a queue of its own, and HTTP ones a limit in all. p-queue does
// the waiting; it is loaded with the first announce.

import PQueue from 'p-queue';

/**
 * Announces under way at one tracker. Each tracker has a queue of its own, so that a dead one (a
 * UDP tracker holds its place for 105 s) delays the announces to itself only.
 */
export const ANNOUNCES_PER_TRACKER = 16;

/**
 * HTTP announces under way in all. Each has two connections where the tracker has both IPv4 and IPv6,
 * so at most 512: below the usual 1,024 files of a process; and each ends after 15 s. UDP ones
 * share two sockets, so they need no such limit.
 */
export const HTTP_ANNOUNCES = 256;

export class AnnouncePacer {
  /** By scheme and host; gone when empty. */
  readonly #trackers = new Map<string, PQueue>();
  readonly #http = new PQueue({ concurrency: HTTP_ANNOUNCES });

  add(task: () => Promise<void>, url: string): void {
    const tracker = trackerOf(url);
    let queue = this.#trackers.get(tracker);
    if (queue === undefined) {
      queue = new PQueue({ concurrency: ANNOUNCES_PER_TRACKER });
      queue.on('idle', () => this.#trackers.delete(tracker));
      this.#trackers.set(tracker, queue);
    }
    void queue.add(() => (/^udp:/i.test(url) ? task() : this.#http.add(task)));
  }

  /** Trackers with announces queued or under way. */
  get busyTrackers(): number {
    return this.#trackers.size;
  }
}

function trackerOf(url: string): string {
  if (!URL.canParse(url)) return url;
  const { protocol, host } = new URL(url);
  return `${protocol}//${host}`;
}
