// The floor, run like a client.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { FloorConfig } from '../floor/receive';
import { compileTo } from '../support/compile';
import { ROOT } from '../support/engine';
import type { Client, Job } from './client';

/** The engine's default number of verify threads. */
function writerThreads(): number {
  return Math.min(8, Math.max(2, availableParallelism() >> 1));
}

function configOf(job: Job, peers: readonly string[], threads: number): string {
  const { infoHash, payload, pieceHashes, name } = job.torrent;
  const hashesPath = join(job.scratch, 'hashes');
  writeFileSync(hashesPath, pieceHashes);
  const { totalBytes, pieceLengthBytes } = payload.shape;
  const output = join(job.folder, name);
  const config: FloorConfig = {
    infoHash,
    totalBytes,
    pieceLengthBytes,
    hashesPath,
    peers,
    output,
    threads,
  };
  return JSON.stringify(config);
}

/** `scratch`: where its compiled files are kept while the bench runs. */
export function floor(scratch: string, node = process.execPath): Client {
  const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
  const source = join(ROOT, 'bench', 'floor');
  const compiled = compileTo(
    join(scratch, 'floor'),
    ['receive.ts', 'write.ts', 'recheck.ts'].map((name) => join(source, name)),
  );
  return {
    name: `floor, node ${version.slice(1)}`,
    download: (job) => ({
      command: [node, join(compiled, 'receive.js'), configOf(job, job.peers, writerThreads())],
    }),
    recheck: (job) => ({
      command: [node, join(compiled, 'recheck.js'), configOf(job, [], availableParallelism())],
    }),
  };
}
