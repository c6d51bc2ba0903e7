// What the literature promises of a swarm: it finishes close to what its lines allow, and the rarest
// piece survives the seed.

import { expect } from 'chai';
import { printRecipes } from '../support/recipes';
import type { SimNode } from '../support/sim-node';
import { SimSwarm } from '../support/sim-swarm';
import { KIB, MIB } from '../support/sim-torrent';

/** How much longer than the bound of the lines a swarm may take. */
const NEAR = 1.5;

/**
 * The time in which a file can be distributed at best: the seed must send one copy, and together
 * they must send one copy for each leecher.
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

describe('sim: what the literature promises', () => {
  printRecipes();

  const SIZE = { totalLengthBytes: 4 * MIB, pieceLengthBytes: 16 * KIB };
  /**
   * Four slots and no pieces that a choked peer may fetch (BEP 6), as in the literature: with more peers at
   * a seed, more pieces are under way from it that others are fetching from it, too.
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
    // Nobody but the newcomer asks the seed.
    for (const node of swarm.nodes) if (node !== newcomer) newcomer.meet(node);
    await swarm.run(() => newcomer.torrent.content.possession.have.get(rarest), 10);
    // A sixth of the content came from each: the rarest was among the first.
    expect(newcomer.torrent.content.possession.donePieces).to.be.below(others.length / 2);
    seed.vanish();
    await swarm.runUntilComplete(60);
  });
});
