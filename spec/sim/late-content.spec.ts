// Swarms in which some know their torrent by its info hash alone at first.

import { expect } from 'chai';
import fc from 'fast-check';
import { printRecipes, withRecipes } from '../support/recipes';
import { SimSwarm } from '../support/sim-swarm';
import type { SimNode } from '../support/sim-node';
import { KIB, MIB, seededRandom } from '../support/sim-torrent';

const SMALL = { totalLengthBytes: MIB, pieceLengthBytes: 64 * KIB };

function expectWhole(swarm: SimSwarm): void {
  for (const node of swarm.nodes) {
    if (node.gone) continue;
    const same = Buffer.from(node.stored.buffer).equals(swarm.torrent.content);
    expect(same, `${node.host}: the bytes`).to.equal(true);
    expect(node.engine.memoryIsBack, `${node.host}: memory`).to.equal(true);
    expect(node.engine.logs, node.host).to.deep.equal([]);
  }
}

describe('sim: torrents whose content is known later', () => {
  printRecipes();

  it('keep the peers that they found meanwhile, and download from them', async () => {
    const swarm = new SimSwarm(SMALL);
    await swarm.add({ have: 'all' });
    const late = await swarm.add({ learnsAfterMs: 5_000 });
    await swarm.add();
    swarm.introduceAll();
    await swarm.runFor(4);
    expect(late.state.phase).to.equal('metadata');
    const before = [...late.state.peers].map(({ id }) => id);
    expect(before).to.have.length(2);
    await swarm.runUntilComplete(30);
    expectWhole(swarm);
    expect(late.completedMs).to.be.above(5_000);
    expect(late.dials, 'nobody is dialled twice').to.be.at.most(2);
    const { departed, sources } = late.engine.state;
    const present = before.filter((id) => sources.has(id) || departed.find(id));
    expect(present, 'they are its peers to the end').to.deep.equal(before);
  });

  it('serve what their check finds to peers that came before it ended', async () => {
    const swarm = new SimSwarm(SMALL);
    // It reads for 10 s what it has.
    const stored = { have: 'all', hashBytesPerMs: 50, writeBytesPerMs: 1_000_000 } as const;
    const late = await swarm.add({ ...stored, learnsAfterMs: 3_000 });
    for (let n = 0; n < 3; n++) await swarm.add();
    swarm.introduceAll();
    await swarm.runFor(5);
    expect(late.state.phase).to.equal('checking');
    expect(late.state.peers.size).to.equal(3);
    await swarm.runUntilComplete(40);
    expectWhole(swarm);
    expect(late.dials, 'nobody is dialled twice').to.be.at.most(3);
  });

  it('come to their end with any seed, any part stored, and any comings and goings', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 1e6 }), (seed) =>
        withRecipes(async () => {
          const dice = seededRandom(seed);
          const swarm = new SimSwarm({ ...SMALL, seed });
          const odds = (chance: number): boolean => dice() < chance;
          const join = (): Promise<SimNode> =>
            swarm.add({
              have: [...Array(16).keys()].filter(() => odds(0.3)),
              latencyMs: 1 + dice() * 100,
              uplinkBytesPerSec: (50 + 500 * dice()) * KIB,
              hashBytesPerMs: 20 + 400 * dice(),
              ...(odds(0.7) && { learnsAfterMs: 1 + 6_000 * dice() }),
            });
          await swarm.add({ have: 'all', learnsAfterMs: 4_000 * dice() });
          for (let n = 0; n < 4; n++) await join();
          swarm.introduceAll();
          const paused = new Set<SimNode>();
          for (let change = 0; change < 8; change++) {
            await swarm.runFor(1.5 * dice());
            const present = swarm.nodes.filter(({ gone }) => !gone);
            const node = present[Math.floor(dice() * present.length)];
            if (node === undefined) continue;
            const what = dice();
            if (paused.delete(node)) await node.resume();
            else if (what < 0.4) {
              paused.add(node);
              await node.pause();
            } else if (what < 0.7) node.loseThread();
            else if (what < 0.85 && node !== swarm.nodes[0]) node.vanish();
            else {
              await join();
              swarm.introduceAll();
            }
          }
          for (const node of paused) if (!node.gone) await node.resume();
          await swarm.runUntilComplete(400);
          expectWhole(swarm);
        }),
      ),
      { numRuns: 20 },
    );
  });

  for (const seed of [1, 2, 3, 4, 5, 6]) {
    it(`complete each other though each has a part, reads it slowly and loses its threads (seed ${seed})`, async () => {
      const swarm = new SimSwarm({ ...SMALL, seed });
      const dice = seededRandom(seed);
      const parts: number[][] = [[], [], [], []];
      for (let piece = 0; piece < 16; piece++) parts[Math.floor(4 * dice())]?.push(piece);
      for (const have of parts)
        await swarm.add({
          have,
          learnsAfterMs: 1 + 5_000 * dice(),
          hashBytesPerMs: 10 + 100 * dice(),
          latencyMs: 50 * dice(),
        });
      swarm.introduceAll();
      for (const node of swarm.nodes) {
        await swarm.runFor(3 * dice());
        if (dice() < 0.7) node.loseThread();
      }
      await swarm.runUntilComplete(300);
      expectWhole(swarm);
    });

    it(`complete all the same where threads die, peers leave and others wait for their content, too (seed ${seed})`, async () => {
      const swarm = new SimSwarm({ ...SMALL, seed });
      const dice = seededRandom(seed);
      await swarm.add({ have: 'all', uplinkBytesPerSec: MIB });
      const late: SimNode[] = [];
      for (let n = 0; n < 5; n++)
        late.push(await swarm.add({ learnsAfterMs: 1 + 8_000 * dice(), latencyMs: 50 * dice() }));
      swarm.introduceAll();
      for (const node of late) {
        await swarm.runFor(2 * dice());
        if (dice() < 0.5) node.loseThread();
      }
      await swarm.runUntilComplete(120);
      expectWhole(swarm);
    });
  }
});
