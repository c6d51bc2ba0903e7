// Super-seeding (BEP 16) in swarms, and rarest-first with a seed that leaves early.

import { expect } from 'chai';
import { printRecipes } from '../support/recipes';
import type { SimNode } from '../support/sim-node';
import { SimSwarm } from '../support/sim-swarm';
import { KIB, MIB } from '../support/sim-torrent';

const LENGTH_BYTES = 4 * MIB;

/** Every piece is with some node other than the first. */
function haveCopy({ nodes: [, ...leechers], torrent }: SimSwarm): boolean {
  for (let piece = 0; piece < torrent.metainfo.pieceCount; piece++)
    if (!leechers.some((node) => node.torrent.content.possession.have.get(piece))) return false;
  return true;
}

async function swarmOf(superSeed: boolean, seed: number): Promise<[SimSwarm, SimNode]> {
  const swarm = new SimSwarm({ totalLengthBytes: LENGTH_BYTES, pieceLengthBytes: 64 * KIB, seed });
  const first = await swarm.add({ have: 'all', superSeed, uplinkBytesPerSec: 200 * KIB });
  for (let n = 0; n < 6; n++)
    await swarm.add({ uplinkBytesPerSec: 400 * KIB, memoryBytes: 4 * MIB });
  swarm.introduceAll();
  return [swarm, first];
}

describe('sim: super-seeding', () => {
  printRecipes();

  it('uploads each piece about once before the others have a copy of all, and ends by itself', async () => {
    for (const seed of [1, 2, 3]) {
      const [swarm, first] = await swarmOf(true, seed);
      await swarm.run(() => haveCopy(swarm), 120);
      const copies = first.torrent.uploadedBytes / LENGTH_BYTES;
      expect(copies).to.be.within(0.9, 1.1);
      await swarm.runUntilComplete(240);
      expect(first.torrent.superSeed, 'still on').to.equal(false);
    }
  });

  it('lets the seed leave as soon as there is a copy: the others complete each other', async () => {
    for (const superSeed of [true, false]) {
      const [swarm, first] = await swarmOf(superSeed, 4);
      await swarm.run(() => haveCopy(swarm), 120);
      await first.leave();
      await swarm.runUntilComplete(240);
      for (const { stored } of swarm.nodes.slice(1))
        expect(Buffer.from(stored.buffer).equals(swarm.torrent.content)).to.equal(true);
    }
  });

  it('serves a peer alone, and peers that cannot reach each other', async () => {
    const alone = new SimSwarm({ totalLengthBytes: MIB, pieceLengthBytes: 64 * KIB });
    await alone.add({ have: 'all', superSeed: true });
    await alone.add();
    alone.introduceAll();
    await alone.runUntilComplete(10);
    const apart = new SimSwarm({ totalLengthBytes: MIB, pieceLengthBytes: 256 * KIB });
    const seed = await apart.add({ have: 'all', superSeed: true });
    for (let n = 0; n < 2; n++) (await apart.add({ dialable: false })).meet(seed);
    await apart.runUntilComplete(300);
  });
});
