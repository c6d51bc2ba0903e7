// A verify worker that dies of the jobs of pieces 0 to 3, and runs any other.
import { workerData } from 'node:worker_threads';
import type { VerifyJob, VerifyResult, VerifyStart } from '../../../lib/messages/verify';
import { JobRunner } from '../../../lib/verify/run-job';

const runner = new JobRunner((workerData as VerifyStart).slab);

export default function runJob(job: VerifyJob): Promise<VerifyResult> {
  if (job.type === 'pieces' && job.pieces.some(({ piece }) => piece < 4)) process.exit(4);
  return runner.run(job);
}
