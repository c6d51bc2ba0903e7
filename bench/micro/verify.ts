// The verify pool as the coordinator uses it: full pieces in a slab of 64 MiB, hashed and written to
// files in memory, by piece size and threads.

import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { Slab } from '../../lib/memory/slab';
import type { FilledPiece } from '../../lib/messages/verify';
import { load } from '../support/engine';
import type { Engine } from '../support/engine';
import { shownBytes } from '../support/flags';
import { placeFor } from '../support/places';
import type { Place } from '../support/places';
import { printSummary } from '../support/rounds';
import type { Case, Results } from '../support/results';
import type * as PoolModule from '../../lib/verify/pool';
import type * as BatchModule from '../../lib/verify/batch';
import type * as SlabModule from '../../lib/memory/slab';

const SLAB_BYTES = 2 ** 26;
const PIECE_LENGTHS = [2 ** 14, 2 ** 18, 2 ** 20, 2 ** 22, 2 ** 24];

export async function benchVerify(engine: Engine, rounds: number, results: Results): Promise<void> {
  const slab = load<typeof SlabModule>(engine, 'memory/slab').Slab.allocate(SLAB_BYTES);
  for (let at = 0; at < SLAB_BYTES; at += 4096) slab.bytes[at] = at >>> 12;
  let place: Place;
  try {
    place = placeFor('tmpfs', 2 * SLAB_BYTES);
  } catch (error) {
    results.miss('verify', {}, String(error));
    return;
  }
  const cores = availableParallelism();
  const threadCounts = [...new Set([1, 2, 4, 8, 16, cores])].filter((threads) => threads <= cores);
  for (const threads of threadCounts.sort((a, b) => a - b)) {
    for (const pieceLengthBytes of PIECE_LENGTHS) {
      const what = { pieces: shownBytes(pieceLengthBytes), threads };
      await benchCase(engine, what, threads, pieceLengthBytes, slab, place, rounds, results);
    }
  }
}

async function benchCase(
  engine: Engine,
  what: Case,
  threads: number,
  pieceLengthBytes: number,
  slab: Slab,
  place: Place,
  rounds: number,
  results: Results,
): Promise<void> {
  const { VerifyPool } = load<typeof PoolModule>(engine, 'verify/pool');
  const { batchPieces } = load<typeof BatchModule>(engine, 'verify/batch');
  const closeEpoch = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const pool = new VerifyPool({ threads, start: { slab: slab.buffer, closeEpoch } });
  const storage = { module: 'files', key: 'bench', root: place.folder };
  const pieces = piecesOf(slab.bytes, pieceLengthBytes);
  const jobs = [...batchPieces(pieces)];
  try {
    for (let round = 0; round <= rounds; round++) {
      const cpuBefore = process.cpuUsage();
      const startedMs = performance.now();
      const outcomes = await Promise.all(
        jobs.map((job) => pool.submit({ type: 'pieces', storage, pieces: job }, 'live')),
      );
      const sec = (performance.now() - startedMs) / 1000;
      const { user, system } = process.cpuUsage(cpuBefore);
      for (const { outcomes: each } of outcomes) {
        for (const { type, piece } of each)
          if (type !== 'good') throw new Error(`piece ${piece}: ${type}`);
      }
      if (round === 0) continue; // Starts the workers, makes the files.
      results.add('verify: hash and write', what, round, {
        mibPerSec: SLAB_BYTES / 2 ** 20 / sec,
        cpuSecPerGib: ((user + system) / 1e6) * (2 ** 30 / SLAB_BYTES),
        usPerPiece: (sec * 1e6) / pieces.length,
      });
    }
  } finally {
    await pool.close();
  }
  printSummary('verify: hash and write', what, results);
}

function piecesOf(bytes: Uint8Array, lengthBytes: number): FilledPiece[] {
  const units = lengthBytes / 2 ** 14;
  return Array.from({ length: bytes.length / lengthBytes }, (_, piece): FilledPiece => {
    const offsetBytes = piece * lengthBytes;
    const sha1 = createHash('sha1')
      .update(bytes.subarray(offsetBytes, offsetBytes + lengthBytes))
      .digest('hex');
    return {
      piece,
      lengthBytes,
      sha1,
      segments: [piece * units, units],
      spans: [{ path: 'payload.bin', offsetBytes, lengthBytes }],
    };
  });
}
