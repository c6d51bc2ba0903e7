// The runs whose journals are committed: small, but with most of what can happen in them.

import { join } from 'node:path';
import fc from 'fast-check';
import { WALK, Walk } from '../desk-walk';
import { SimSwarm } from '../sim-swarm';
import { KIB } from '../sim-torrent';
import type { SimEngine } from '../sim-engine';
import type { Journal } from './journal';

export interface CommittedRun {
  readonly name: string;
  record(): Promise<Journal>;
}

export const COMMITTED: readonly CommittedRun[] = [
  { name: 'leecher', record: leecher },
  { name: 'walk', record: () => walk(5, false) },
  { name: 'late-walk', record: () => walk(8, true) },
];

export function fileOf({ name }: CommittedRun): string {
  return join(__dirname, '..', '..', 'sim', 'journals', `${name}.jsonl.gz`);
}

export function journalOf({ recorder }: SimEngine): Journal {
  if (recorder === undefined) throw new Error('the engine was made without `record`');
  return recorder.journal;
}

/** A download from a liar, a seed that leaves and others, by a client that loses its peer thread. */
async function leecher(): Promise<Journal> {
  const swarm = new SimSwarm({
    totalLengthBytes: 768 * KIB,
    pieceLengthBytes: 32 * KIB,
    seed: 11,
    trackerIntervalSec: 60,
  });
  const uplinkBytesPerSec = 512 * KIB;
  const parting = await swarm.add({ have: 'all', uplinkBytesPerSec });
  await swarm.add({ have: 'all', uplinkBytesPerSec });
  await swarm.add({ have: 'all', uplinkBytesPerSec, spoils: [3, 17] });
  const node = await swarm.add({ writeBytesPerMs: 2_000, memoryBytes: 256 * KIB, record: true });
  await swarm.add({ writeBytesPerMs: 2_000 });
  const part = swarm.torrent.metainfo.totalLengthBytes / 3;
  await swarm.run(() => node.torrent.content.possession.doneBytes > part, 60);
  await parting.leave();
  node.loseThread();
  await swarm.run(() => node.completedMs !== undefined, 120);
  await node.leave();
  await swarm.runFor(3);
  return journalOf(node.engine);
}

/**
 * Two torrents at a desk where peers, threads, workers, the disk, trackers and the user do what they
 * please.
 */
async function walk(seed: number, contentIsLate: boolean): Promise<Journal> {
  const options = {
    seed: 3,
    seedsStay: true,
    contentIsLate,
    paddingBytes: 0,
    strangerBytes: 1000,
    record: true,
  };
  const made = await Walk.begin(options);
  const [steps = []] = fc.sample(
    WALK.filter(({ length }) => length >= 100),
    { seed, numRuns: 1 },
  );
  for (const step of steps) await made.take(step);
  await made.finish();
  await made.close();
  return journalOf(made.engine);
}
