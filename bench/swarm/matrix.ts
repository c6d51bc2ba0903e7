// The cases of a swarm bench, one after the other: every client in every combination of direction,
// number of peers, piece length and place.

import type { Client } from '../clients/client';
import { shownBytes } from '../support/flags';
import { placeFor } from '../support/places';
import type { Place, Target } from '../support/places';
import type { Case, Results } from '../support/results';
import type { Subject } from '../support/rounds';
import { makeTorrent } from '../support/torrent';
import type { BenchTorrent } from '../support/torrent';
import { LOOPBACK, startSeeders } from './peers';
import type { Ground, Seeders } from './peers';
import { downloadBy, recheckBy, storeIn, uploadBy } from './transfers';

export type Direction = 'download' | 'upload' | 'recheck';

/** Runs the subjects of one case against each other. */
export type RunCase = (
  subjects: readonly Subject[],
  what: MatrixCase,
  results: Results,
) => Promise<void>;

export type MatrixCase = Case & { readonly direction: Direction };

export interface Matrix {
  readonly runCase: RunCase;
  readonly clients: readonly Client[];
  readonly directions: readonly Direction[];
  readonly peers: readonly number[];
  readonly pieceLengths: readonly number[];
  readonly targets: readonly Target[];
  readonly totalBytes: number;
  /** Folder on a disk for `disk`. */
  readonly diskFolder: string | undefined;
}

export async function runMatrix(matrix: Matrix, results: Results): Promise<void> {
  for (const target of matrix.targets) {
    let place: Place;
    try {
      // A seed's data and one download lie there side by side at most.
      place = placeFor(target, 2.1 * matrix.totalBytes, matrix.diskFolder);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      console.error(`${target} left out: ${reason}`);
      results.miss('all', { target }, reason);
      continue;
    }
    for (const pieceLengthBytes of matrix.pieceLengths) {
      const torrent = await makeTorrent({
        salt: 0,
        totalBytes: matrix.totalBytes,
        pieceLengthBytes,
      });
      for (const direction of matrix.directions) {
        if (direction === 'download') await downloads(matrix, torrent, place, results);
        else await fromStored(direction, matrix, torrent, place, results);
      }
    }
  }
}

function caseOf(
  direction: Direction,
  torrent: BenchTorrent,
  place: Place,
  peers?: number,
): MatrixCase {
  const { pieceLengthBytes, totalBytes } = torrent.payload.shape;
  return {
    direction,
    ...(peers === undefined ? {} : { peers }),
    pieces: shownBytes(pieceLengthBytes),
    payload: shownBytes(totalBytes),
    target: place.target,
  };
}

async function downloads(
  matrix: Matrix,
  torrent: BenchTorrent,
  place: Place,
  results: Results,
): Promise<void> {
  for (const peers of matrix.peers) {
    const swarms = new Map<Ground, Seeders>();
    try {
      const subjects: Subject[] = [];
      for (const client of matrix.clients) {
        if (client.download === undefined) continue;
        const ground = client.ground ?? LOOPBACK;
        const seeders = swarms.get(ground) ?? (await startSeeders([torrent], peers, ground));
        swarms.set(ground, seeders);
        subjects.push(downloadBy(client, { torrent, place }, seeders));
      }
      await matrix.runCase(subjects, caseOf('download', torrent, place, peers), results);
    } finally {
      for (const seeders of swarms.values()) await seeders.stop();
    }
  }
}

async function fromStored(
  direction: 'upload' | 'recheck',
  matrix: Matrix,
  torrent: BenchTorrent,
  place: Place,
  results: Results,
): Promise<void> {
  const transfer = { torrent, place };
  const stored = storeIn(transfer);
  if (direction === 'recheck') {
    const subjects = matrix.clients
      .filter(({ recheck }) => recheck !== undefined)
      .map((client) => recheckBy(client, transfer, stored));
    await matrix.runCase(subjects, caseOf('recheck', torrent, place), results);
    return;
  }
  for (const peers of matrix.peers) {
    const subjects = matrix.clients
      .filter(({ seed }) => seed !== undefined)
      .map((client) => uploadBy(client, transfer, stored, peers));
    await matrix.runCase(subjects, caseOf('upload', torrent, place, peers), results);
  }
}
