// A verify worker of which only the first instance works; later ones wait while they start, then
// die.
import { workerData } from 'node:worker_threads';
import type { VerifyJob, VerifyResult, VerifyStart } from '../../../lib/messages/verify';
import { JobRunner } from '../../../lib/verify/run-job';

/** Indexes into the Int32Array behind `births`. */
const BORN = 0;
const MAY_DIE = 1;

const start = workerData as VerifyStart & { readonly births: SharedArrayBuffer };
const births = new Int32Array(start.births);
if (Atomics.add(births, BORN, 1) > 0) {
  Atomics.wait(births, MAY_DIE, 0);
  process.exit(3);
}
const runner = new JobRunner(start.slab);

export default function runJob(job: VerifyJob): Promise<VerifyResult> {
  return runner.run(job);
}
