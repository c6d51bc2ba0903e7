// Swarms in which some nodes have a magnet link: they fetch the metadata from other nodes, some of them hostile,
// and serve it to others.

import { expect } from 'chai';
import fc from 'fast-check';
import type { MetadataCounts } from '../../lib/coordinator/metadata/counts';
import { printRecipes, withRecipes } from '../support/recipes';
import type { SimNode } from '../support/sim-node';
import type { SimNodeOptions } from '../support/sim-options';
import { SimSwarm } from '../support/sim-swarm';
import { KIB, MIB, seededRandom } from '../support/sim-torrent';

const BANNED = 'peer banned: it sent metadata that failed its hash check';
/** Its metadata has 3 pieces. */
const LONG = { totalLengthBytes: 2 * MIB, pieceLengthBytes: KIB, metadata: true };
const SHORT = { totalLengthBytes: MIB, pieceLengthBytes: 64 * KIB, metadata: true };

const countsOf = (node: SimNode): MetadataCounts => node.engine.state.metadataCounts;

/** Bans are expected, and nothing else. */
function expectRight(swarm: SimSwarm): void {
  for (const node of swarm.nodes) {
    if (node.gone) continue;
    const { engine } = node;
    expect(engine.state.metadataRoom.usedBytes, `${node.host}: room`).to.equal(0);
    const others = engine.logs.splice(0).filter(({ message }) => !message.startsWith(BANNED));
    expect(others, node.host).to.deep.equal([]);
  }
}

/** Runs until each honest node with a magnet link knows its content. */
async function untilKnown(swarm: SimSwarm, limitSec: number): Promise<void> {
  const waiting = swarm.nodes.filter(({ options }) => options.magnet);
  await swarm.run(() => waiting.every((node) => node.gone || node.state.content), limitSec);
}

describe('sim: magnet links', () => {
  printRecipes();

  it('complete the torrent, and serve its metadata to others', async () => {
    const swarm = new SimSwarm(SHORT);
    const seed = await swarm.add({ have: 'all' });
    const first = await swarm.add({ magnet: true });
    first.meet(seed);
    const second = await swarm.add({ magnet: true });
    second.meet(first);
    await swarm.runUntilComplete(40);
    for (const node of swarm.nodes)
      expect(Buffer.from(node.stored.buffer).equals(swarm.torrent.content)).to.equal(true);
    expect([first, second].map((node) => countsOf(node).fetched)).to.deep.equal([1, 1]);
    expectRight(swarm);
  });

  it('take the metadata from several seeds at once', async () => {
    const swarm = new SimSwarm(LONG);
    for (let n = 0; n < 3; n++) await swarm.add({ have: 'all' });
    const node = await swarm.add({ magnet: true });
    swarm.introduceAll();
    await untilKnown(swarm, 20);
    expect(countsOf(node)).to.deep.include({ fetched: 1, failed: 0 });
    expectRight(swarm);
  });

  it('ban a liar among honest seeds, and only it', async () => {
    for (const metadataLie of ['some', 'all', 'length'] as const) {
      const swarm = new SimSwarm({ ...LONG, seed: 3 });
      const liar = await swarm.add({ have: 'all', metadataLie });
      for (let n = 0; n < 3; n++) await swarm.add({ have: 'all' });
      const node = await swarm.add({ magnet: true });
      await swarm.runFor(1); // Its peers have checked their files.
      node.meet(liar);
      await swarm.runFor(2);
      swarm.introduceAll();
      await untilKnown(swarm, 60);
      expect(node.state.book.isBanned(liar.host, 6881, ''), metadataLie).to.equal(true);
      for (const honest of swarm.nodes.slice(1, 4))
        expect(node.state.book.isBanned(honest.host, 6881, ''), honest.host).to.equal(false);
      expect(countsOf(node)).to.deep.include({ fetched: 1, liars: 1 });
      expectRight(swarm);
    }
  });

  it('find the sender of wrong data in a copy of several nodes', async () => {
    const swarm = new SimSwarm({ ...LONG, seed: 5 });
    for (let n = 0; n < 2; n++) await swarm.add({ have: 'all', metadataLie: 'all' });
    for (let n = 0; n < 2; n++) await swarm.add({ have: 'all' });
    const node = await swarm.add({ magnet: true });
    await swarm.runFor(1);
    for (const other of swarm.nodes.slice(0, 4)) node.meet(other);
    await untilKnown(swarm, 120);
    const banned = swarm.nodes
      .slice(0, 4)
      .map(({ host }) => node.state.book.isBanned(host, 6881, ''));
    expect(banned.slice(2)).to.deep.equal([false, false]);
    expect(banned).to.include(true);
    expect(countsOf(node).failed).to.be.above(0);
    expectRight(swarm);
  });

  it('wait for a node that has the metadata, and get it from one that fetched it meanwhile', async () => {
    const swarm = new SimSwarm(SHORT);
    const [one, two] = [await swarm.add({ magnet: true }), await swarm.add({ magnet: true })];
    one.meet(two);
    await swarm.runFor(15);
    expect(countsOf(one).refusals + countsOf(two).refusals).to.be.above(0);
    const seed = await swarm.add({ have: 'all' });
    one.meet(seed);
    await swarm.runUntilComplete(120);
    expect(countsOf(two).fetched).to.equal(1);
    expectRight(swarm);
  });

  it('request the metadata from another node when one falls silent', async () => {
    const swarm = new SimSwarm(LONG);
    const silent = await swarm.add({ have: 'all', latencyMs: 800 });
    const node = await swarm.add({ magnet: true });
    const other = await swarm.add({ have: 'all' });
    await swarm.runFor(1);
    node.meet(silent);
    await swarm.run(() => node.state.metadata.peers === 1, 20);
    silent.vanish();
    await swarm.runFor(11);
    expect(countsOf(node)).to.deep.include({ timeouts: 3, fetched: 0 });
    node.meet(other);
    await untilKnown(swarm, 20);
    expectRight(swarm);
  });

  it('get no metadata of a private torrent', async () => {
    const swarm = new SimSwarm({ ...SHORT, private: true });
    await swarm.add({ have: 'all' });
    const node = await swarm.add({ magnet: true });
    swarm.introduceAll();
    await swarm.runFor(60);
    expect(node.state.phase).to.equal('metadata');
    expect(countsOf(node)).to.deep.include({ fetched: 0 });
  });

  it('complete with any random seed, hostile nodes, pauses, dead threads, and nodes that leave', async () => {
    const seen: Partial<Record<keyof MetadataCounts, number>> = {};
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 1e6 }), (seed) =>
        withRecipes(async () => {
          const dice = seededRandom(seed);
          const odds = (chance: number): boolean => dice() < chance;
          const swarm = new SimSwarm({ ...LONG, seed });
          const line = (): SimNodeOptions => ({
            latencyMs: 1 + dice() * 200,
            uplinkBytesPerSec: (200 + 2_000 * dice()) * KIB,
          });
          await swarm.add({ have: 'all', ...line() });
          for (let n = 0; n < 4; n++) {
            const lie = (['some', 'all', 'length'] as const)[Math.floor(3 * dice())] ?? 'all';
            if (odds(0.5)) await swarm.add({ have: 'all', metadataLie: lie, ...line() });
            else await swarm.add({ magnet: true, ...line() });
          }
          await swarm.runFor(1);
          swarm.introduceAll();
          const paused = new Set<SimNode>();
          for (let change = 0; change < 5; change++) {
            await swarm.runFor(0.5 * dice());
            const node = swarm.nodes[Math.floor(dice() * swarm.nodes.length)];
            if (node === undefined || node.gone) continue;
            if (paused.delete(node)) await node.resume();
            else if (odds(0.3)) {
              paused.add(node);
              await node.pause();
            } else if (odds(0.5)) node.loseThread();
            else if (node.options.metadataLie) node.vanish();
          }
          for (const node of paused) if (!node.gone) await node.resume();
          await untilKnown(swarm, 600);
          const [honest] = swarm.nodes;
          for (const node of swarm.nodes) {
            if (node.gone || !node.options.magnet) continue;
            expect(node.state.book.isBanned(honest?.host ?? '', 6881, '')).to.equal(false);
            for (const [key, count] of Object.entries(countsOf(node)))
              seen[key as keyof MetadataCounts] = (seen[key as keyof MetadataCounts] ?? 0) + count;
          }
        }),
      ),
      { numRuns: 12, seed: 7 },
    );
    for (const key of ['fetched', 'failed', 'liars', 'conflicts'] as const)
      expect(seen[key], key).to.be.above(0);
  });
});
