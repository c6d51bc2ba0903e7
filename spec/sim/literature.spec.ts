// Results from the literature: a swarm finishes close to the bound of its lines, and the rarest piece
// survives when its seed leaves.

import { expect } from 'chai';
import { printRecipes } from '../support/recipes';
import type { SimNode } from '../support/sim-node';
import { SimSwarm } from '../support/sim-swarm';
import { KIB, MIB } from '../support/sim-torrent';

/** Factor on the bound of the lines within which a swarm must finish. */
const NEAR = 1.5;

/**
 * The shortest possible time to distribute a file: the seed must send one copy, and all nodes together must
 * send one copy for each leecher.
 */
function boundSec(lengthBytes: number, seed: number, leechers: readonly number[]): number {
  const all = leechers.reduce((sum, rate) => sum + rate, seed);
  return Math.max(lengthBytes / seed, (leechers.length * lengthBytes) / all);
}

function hasEverywhere(swarm: SimSwarm, nodes: readonly SimNode[]): boolean {
  for (let piece = 0; piece < swarm.torrent.metainfo.pieceCount; piece++)
    if (!nodes.some((node) => node.torrent.content.possession.have.get(piece))) return false;
  return true;
}

describe('sim: results from the literature', () => {
  printRecipes();

  const SIZE = { totalLengthBytes: 4 * MIB, pieceLengthBytes: 16 * KIB };
  /**
   * Four slots and no allowed fast pieces (BEP 6), as in the literature: with more slots, a seed sends more
   * pieces to several peers at the same time.
   */
  const LINE = { uploadSlots: 4, memoryBytes: 4 * MIB, fast: false };
  const equal = Array<number>(11).fill(512 * KIB);
  const SWARMS: Record<string, { seed: number; leechers: readonly number[] }> = {
    'twelve equal lines': { seed: 512 * KIB, leechers: equal },
    'a slow seed': { seed: 256 * KIB, leechers: equal },
  };
  for (const [name, { seed, leechers }] of Object.entries(SWARMS))
    it(`twelve nodes finish within ${NEAR} times the bound of their lines: ${name}`, async () => {
      const swarm = new SimSwarm(SIZE);
      await swarm.add({ ...LINE, have: 'all', uplinkBytesPerSec: seed });
      for (const rate of leechers) await swarm.add({ ...LINE, uplinkBytesPerSec: rate });
      swarm.introduceAll();
      const bound = boundSec(SIZE.totalLengthBytes, seed, leechers);
      await swarm.runUntilComplete(10 * bound);
      expect(swarm.elapsedSec / bound).to.be.below(NEAR);
    });

  it('rarest first: a seed that leaves after little more than one copy has left every piece', async () => {
    const swarm = new SimSwarm(SIZE);
    const seed = await swarm.add({ ...LINE, have: 'all', uplinkBytesPerSec: 512 * KIB });
    for (const rate of equal) await swarm.add({ ...LINE, uplinkBytesPerSec: rate });
    swarm.introduceAll();
    const [, ...leechers] = swarm.nodes;
    await swarm.run(() => hasEverywhere(swarm, leechers), 60);
    const copies = seed.torrent.uploadedBytes / SIZE.totalLengthBytes;
    seed.vanish();
    expect(copies).to.be.below(NEAR);
    await swarm.runUntilComplete(60);
  });

  it('rarest first: the piece that only the seed has is saved before it leaves', async () => {
    const swarm = new SimSwarm({ totalLengthBytes: MIB, pieceLengthBytes: 32 * KIB });
    const rarest = 17;
    const others = [...Array(swarm.torrent.metainfo.pieceCount).keys()].filter(
      (piece) => piece !== rarest,
    );
    const seed = await swarm.add({ have: 'all', uplinkBytesPerSec: 64 * KIB });
    for (let n = 0; n < 4; n++) await swarm.add({ have: others, uplinkBytesPerSec: 64 * KIB });
    const newcomer = await swarm.add();
    // Only the newcomer requests from the seed.
    for (const node of swarm.nodes) if (node !== newcomer) newcomer.meet(node);
    await swarm.run(() => newcomer.torrent.content.possession.have.get(rarest), 10);
    // A sixth of the content came from each: the rarest was among the first.
    expect(newcomer.torrent.content.possession.donePieces).to.be.below(others.length / 2);
    seed.vanish();
    await swarm.runUntilComplete(60);
  });
});
