// A thread of the floor: hashes pieces in shared memory and writes them.

import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import type { WriterStart } from './receive';

const { slab, config } = workerData as WriterStart;
const { totalBytes, pieceLengthBytes } = config;
const hashes = readFileSync(config.hashesPath);
const file = openSync(config.output, 'r+');

parentPort?.on('message', (work: readonly number[] | 'end') => {
  if (work === 'end') {
    closeSync(file);
    parentPort?.close();
    return;
  }
  const slots: number[] = [];
  for (let at = 0; at < work.length; at += 2) {
    const piece = work[at] ?? 0;
    const slot = work[at + 1] ?? 0;
    const position = piece * pieceLengthBytes;
    const lengthBytes = Math.min(pieceLengthBytes, totalBytes - position);
    const bytes = new Uint8Array(slab, slot * pieceLengthBytes, lengthBytes);
    const digest = createHash('sha1').update(bytes).digest();
    if (digest.compare(hashes, 20 * piece, 20 * piece + 20) !== 0) {
      throw new Error(`piece ${piece} is wrong`);
    }
    writeSync(file, bytes, 0, lengthBytes, position);
    slots.push(slot);
  }
  parentPort?.postMessage(slots);
});
