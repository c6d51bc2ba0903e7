// Entry point of a verify worker: Piscina calls the default export once per job, and `closeWriters`
// when the pool closes.
import { workerData } from 'node:worker_threads';
import type { VerifyJob, VerifyResult, VerifyStart } from '../lib/messages/verify';
import { JobRunner } from '../lib/verify/run-job';

/** How often an idle worker looks whether a torrent was closed. */
const CLOSE_WATCH_MS = 1000;

const start = workerData as VerifyStart;
const runner = new JobRunner(start.slab);
const closeEpoch = new Int32Array(start.closeEpoch);
let seenEpoch = Atomics.load(closeEpoch, 0);

function watchEpoch(): void {
  const epoch = Atomics.load(closeEpoch, 0);
  if (epoch === seenEpoch) return;
  seenEpoch = epoch;
  void runner.closeHandles();
}

setInterval(watchEpoch, CLOSE_WATCH_MS).unref();

export default function runJob(job: VerifyJob): Promise<VerifyResult> {
  watchEpoch(); // so that a torrent added again never meets handles from before its removal
  return runner.run(job);
}

export function closeWriters(): Promise<void> {
  return runner.closeHandles();
}
