// Measures how busy this thread's event loop and this process are.

import { availableParallelism } from 'node:os';
import { performance } from 'node:perf_hooks';

export class LoopLoad {
  private last = performance.eventLoopUtilization();

  /** Utilisation of the event loop since the last call, 0 to 1. */
  share(): number {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, this.last);
    this.last = now;
    return utilization;
  }
}

export class ProcessLoad {
  private readonly cores = availableParallelism();
  private lastMs = performance.now();
  private last = process.cpuUsage();

  /** Share of the CPU time of all cores that the process used since the last call. */
  share(): number {
    const nowMs = performance.now();
    const { user, system } = process.cpuUsage(this.last);
    const elapsedMs = nowMs - this.lastMs;
    this.lastMs = nowMs;
    this.last = process.cpuUsage();
    return elapsedMs > 0 ? (user + system) / 1000 / elapsedMs / this.cores : 0;
  }
}
