// The floor of a recheck: the given number of threads read the file and hash its pieces.
//
// Takes its configuration as JSON in argv; exit code 0 when every piece is right.

import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { Worker, isMainThread, workerData } from 'node:worker_threads';
import type { FloorConfig } from './receive';

const READ_BYTES = 256 * 1024;

interface Share {
  readonly config: FloorConfig;
  readonly thread: number;
}

function check({ config, thread }: Share): void {
  const { totalBytes, pieceLengthBytes, threads } = config;
  const hashes = readFileSync(config.hashesPath);
  const file = openSync(config.output, 'r');
  const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, pieceLengthBytes));
  const pieceCount = Math.ceil(totalBytes / pieceLengthBytes);
  for (let piece = thread; piece < pieceCount; piece += threads) {
    const hash = createHash('sha1');
    const end = Math.min(totalBytes, (piece + 1) * pieceLengthBytes);
    for (let at = piece * pieceLengthBytes; at < end;) {
      const bytes = readSync(file, buffer, 0, Math.min(buffer.length, end - at), at);
      if (bytes === 0) throw new Error(`${config.output} is too short`);
      hash.update(buffer.subarray(0, bytes));
      at += bytes;
    }
    if (hash.digest().compare(hashes, 20 * piece, 20 * piece + 20) !== 0) {
      throw new Error(`piece ${piece} is wrong`);
    }
  }
  closeSync(file);
}

if (isMainThread) {
  const config = JSON.parse(process.argv[2] ?? '') as FloorConfig;
  for (let thread = 0; thread < config.threads; thread++) {
    const share: Share = { config, thread };
    new Worker(__filename, { workerData: share }); // Its error ends the process with exit code 1.
  }
} else {
  check(workerData as Share);
}
