// How busy this thread's event loop is.

import { performance } from 'node:perf_hooks';

export class LoopLoad {
  #last = performance.eventLoopUtilization();

  /** Part of the time since the last call, 0 to 1, in which the loop did not wait for anything. */
  share(): number {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, this.#last);
    this.#last = now;
    return utilization;
  }
}
