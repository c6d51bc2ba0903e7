// Swarms in virtual time: real coordinator handlers and real sessions, nothing else.

import { expect } from 'chai';
import fc from 'fast-check';
import { printRecipes, withRecipes } from '../support/recipes';
import type { SimNode } from '../support/sim-node';
import { SimSwarm } from '../support/sim-swarm';
import { KIB, MIB, seededRandom } from '../support/sim-torrent';

const SMALL = { totalLengthBytes: MIB, pieceLengthBytes: 64 * KIB };

function expectWhole(swarm: SimSwarm, nodes: readonly SimNode[] = swarm.nodes): void {
  for (const node of nodes) {
    if (node.gone) continue;
    const same = Buffer.from(node.stored.buffer).equals(swarm.torrent.content);
    expect(same, `${node.host}: the bytes`).to.equal(true);
    expect(node.engine.memoryIsBack, `${node.host}: memory`).to.equal(true);
    expect(node.engine.logs, node.host).to.deep.equal([]);
  }
}

async function seedAnd(swarm: SimSwarm, leechers: number): Promise<void> {
  await swarm.add({ have: 'all' });
  for (let n = 0; n < leechers; n++) await swarm.add();
  swarm.introduceAll();
}

describe('sim: swarms in virtual time', () => {
  printRecipes();

  it('one seed and twenty leechers of 4 MiB: all complete, faster than the seed alone could', async () => {
    const swarm = new SimSwarm({ totalLengthBytes: 4 * MIB, pieceLengthBytes: 64 * KIB });
    await swarm.add({ have: 'all', uplinkBytesPerSec: MIB });
    for (let n = 0; n < 20; n++) await swarm.add({ uplinkBytesPerSec: MIB });
    swarm.introduceAll();
    await swarm.runUntilComplete(60);
    expectWhole(swarm);
    // The seed alone would need 80 s; together they share what they have.
    expect(swarm.elapsedSec).to.be.below(40);
  });

  it('is the same twice with one seed, and another with another', async () => {
    const traces: string[] = [];
    for (const seed of [5, 5, 6]) {
      const swarm = new SimSwarm({ ...SMALL, seed });
      await seedAnd(swarm, 5);
      await swarm.runUntilComplete(60);
      traces.push(swarm.trace);
    }
    expect(traces[0]).to.equal(traces[1]);
    expect(traces[0]).to.not.equal(traces[2]);
  });

  it('a slow seed sends eight quick leechers less than 1.75 copies: they trade, and hold back little', async () => {
    const swarm = new SimSwarm({ totalLengthBytes: 6 * MIB, pieceLengthBytes: 16 * KIB });
    const seed = await swarm.add({ have: 'all', uplinkBytesPerSec: 2 * MIB, latencyMs: 1 });
    for (let n = 0; n < 8; n++) await swarm.add({ uplinkBytesPerSec: 40 * MIB, latencyMs: 1 });
    swarm.introduceAll();
    await swarm.runUntilComplete(30);
    expectWhole(swarm);
    expect(seed.torrent.uploadedBytes).to.be.below(1.75 * 6 * MIB);
  });

  it('a slow peer does not hold up the end', async () => {
    const swarm = new SimSwarm({ totalLengthBytes: 2 * MIB, pieceLengthBytes: 256 * KIB });
    const leecher = await swarm.add();
    await swarm.add({ have: 'all', uplinkBytesPerSec: 4 * KIB });
    await swarm.add({ have: 'all', uplinkBytesPerSec: 500 * KIB });
    swarm.introduceAll();
    await swarm.run(() => leecher.completedMs !== undefined, 30);
    expectWhole(swarm, [leecher]);
    // 2 MiB at 500 KiB/s are 4 s; what the slow one owed was asked of the fast one, too.
    expect(swarm.elapsedSec).to.be.below(7);
  });

  it('many slow peers fill one long piece together', async () => {
    const swarm = new SimSwarm({ totalLengthBytes: MIB, pieceLengthBytes: MIB });
    const leecher = await swarm.add({ memoryBytes: 4 * MIB });
    for (let n = 0; n < 8; n++)
      await swarm.add({ have: 'all', uplinkBytesPerSec: 32 * KIB, memoryBytes: 2 * MIB });
    swarm.introduceAll();
    await swarm.run(() => leecher.completedMs !== undefined, 30);
    expectWhole(swarm, [leecher]);
    expect(swarm.elapsedSec, 'one alone needs 32 s').to.be.below(12);
  });

  it('a peer that vanishes without a word: what it owes is asked of another, no byte is lost', async () => {
    const swarm = new SimSwarm({ totalLengthBytes: 2 * MIB, pieceLengthBytes: 256 * KIB });
    const leecher = await swarm.add();
    const vanishing = await swarm.add({ have: 'all', uplinkBytesPerSec: 200 * KIB });
    await swarm.add({ have: 'all', uplinkBytesPerSec: 200 * KIB });
    swarm.introduceAll();
    await swarm.run(() => leecher.torrent.content.possession.doneBytes >= 512 * KIB, 20);
    vanishing.vanish();
    await swarm.run(() => leecher.completedMs !== undefined, 60);
    expectWhole(swarm, [leecher]);
    expect(swarm.elapsedSec, 'without waiting for a time-out').to.be.below(15);
  });

  it('a peer that vanishes with a piece on parole: another fills it once its requests time out', async () => {
    const spoils = [3, 17];
    for (const seed of [3, 17, 19, 20]) {
      const swarm = new SimSwarm({ totalLengthBytes: 2 * MIB, pieceLengthBytes: 32 * KIB, seed });
      const vanishing = await swarm.add({ have: 'all', uplinkBytesPerSec: MIB });
      await swarm.add({ have: 'all', uplinkBytesPerSec: MIB });
      await swarm.add({ have: 'all', uplinkBytesPerSec: MIB, spoils });
      const leechers: SimNode[] = [];
      for (let n = 0; n < 4; n++) leechers.push(await swarm.add({ writeBytesPerMs: 2_000 }));
      swarm.introduceAll();
      await swarm.run(
        () => leechers.some(({ torrent }) => torrent.content.possession.doneBytes > MIB / 2),
        30,
      );
      vanishing.vanish();
      leechers[0]?.loseThread();
      await swarm.run(() => leechers.every(({ completedMs }) => completedMs !== undefined), 60);
      // A request is waited for 20 s. Until the dead connection ended it was 240 s.
      expect(swarm.elapsedSec).to.be.below(30);
    }
  });

  it('the only seed may leave once the pieces are among the others', async () => {
    const swarm = new SimSwarm(SMALL);
    await seedAnd(swarm, 4);
    const [seed, ...leechers] = swarm.nodes;
    const held = (): boolean => {
      for (let piece = 0; piece < swarm.torrent.metainfo.pieceCount; piece++)
        if (!leechers.some(({ torrent }) => torrent.content.possession.have.get(piece)))
          return false;
      return true;
    };
    await swarm.run(held, 30);
    await seed?.leave();
    await swarm.run(() => leechers.every(({ completedMs }) => completedMs !== undefined), 120);
    expectWhole(swarm, leechers);
  });

  it('peers that dial each other at the same moment end with one connection, at once', async () => {
    const swarm = new SimSwarm(SMALL);
    await seedAnd(swarm, 9);
    await swarm.runFor(0.3);
    for (const { torrent } of swarm.nodes) expect(torrent.peers.size).to.equal(9);
  });

  it('leechers that have halves of it complete each other without a seed', async () => {
    const swarm = new SimSwarm(SMALL);
    await swarm.add({ have: [0, 1, 2, 3, 4, 5, 6, 7] });
    await swarm.add({ have: [8, 9, 10, 11, 12, 13, 14, 15] });
    swarm.introduceAll();
    await swarm.runUntilComplete(30);
    expectWhole(swarm);
  });

  it('a peer thread that dies takes its connections along, but no block and no memory', async () => {
    for (const atSec of [0.03, 0.08, 0.2, 0.5, 0.9, 1.4]) {
      const swarm = new SimSwarm(SMALL);
      await swarm.add({ have: 'all', uplinkBytesPerSec: 500 * KIB });
      const leecher = await swarm.add();
      swarm.introduceAll();
      await swarm.runFor(atSec);
      leecher.loseThread();
      await swarm.run(() => leecher.completedMs !== undefined, 30);
      expectWhole(swarm, [leecher]);
    }
  });

  it('memory for two pieces is enough, however slowly they fill', async () => {
    const swarm = new SimSwarm({ totalLengthBytes: 3 * MIB, pieceLengthBytes: 512 * KIB });
    const leecher = await swarm.add({ memoryBytes: MIB });
    for (let n = 0; n < 6; n++) await swarm.add({ have: 'all', uplinkBytesPerSec: 10 * KIB });
    swarm.introduceAll();
    await swarm.run(() => leecher.completedMs !== undefined, 200);
    expectWhole(swarm, [leecher]);
    expect(leecher.torrent.wastedBytes).to.be.at.most(MIB);
  });

  it('every node bans a liar, and no node bans an innocent peer', async () => {
    const swarm = new SimSwarm(SMALL);
    await swarm.add({ have: 'all', uplinkBytesPerSec: 300 * KIB });
    const liar = await swarm.add({ have: 'all', spoils: [0, 3, 6, 9, 12, 15] });
    for (let n = 0; n < 4; n++) await swarm.add();
    swarm.introduceAll();
    const honest = swarm.nodes.filter((node) => node !== liar);
    await swarm.run(() => honest.every(({ completedMs }) => completedMs !== undefined), 120);
    let bans = 0;
    for (const node of honest) {
      expect(Buffer.from(node.stored.buffer).equals(swarm.torrent.content)).to.equal(true);
      for (const other of honest)
        expect(node.torrent.book.isBanned(other.host, 6881, ''), other.host).to.equal(false);
      if (node.torrent.book.isBanned(liar.host, 6881, '')) bans++;
    }
    expect(bans).to.be.at.least(1);
  });

  it('each announces with `completed` all that it downloaded, to the byte', async () => {
    for (const seed of [1, 2, 3]) {
      const swarm = new SimSwarm({ ...SMALL, seed, trackerIntervalSec: 1800 });
      for (let n = 0; n < 4; n++) await swarm.add({ have: [n, n + 4], uplinkBytesPerSec: MIB });
      await swarm.add({ have: 'all', uplinkBytesPerSec: MIB });
      await swarm.runUntilComplete(60);
      await swarm.runFor(1); // until the last traffic is reported
      for (const { engine, torrent } of swarm.nodes.slice(0, 4)) {
        const completed = engine.announces.find(({ request }) => request.event === 'completed');
        const came = completed?.request.downloadedBytes ?? 0;
        expect(came).to.be.at.least(SMALL.totalLengthBytes - 2 * SMALL.pieceLengthBytes);
        expect(came).to.be.at.most(torrent.downloadedBytes);
        // Blocks that others have sent already may come after the end, and nothing else.
        expect(torrent.downloadedBytes - came).to.be.at.most(torrent.wastedBytes);
      }
    }
  });

  describe('a seed that comes when the others have asked the tracker already', () => {
    const IN_VAIN_SEC = 300;
    const lateSeed = async (swarm: SimSwarm, dialable: boolean): Promise<void> => {
      for (let n = 0; n < 4; n++) await swarm.add({ uplinkBytesPerSec: MIB });
      await swarm.runFor(IN_VAIN_SEC);
      await swarm.add({ have: 'all', uplinkBytesPerSec: MIB, dialable });
      await swarm.runUntilComplete(IN_VAIN_SEC + 15);
      expectWhole(swarm);
    };

    it('dials them', async () => {
      await lateSeed(new SimSwarm({ ...SMALL, trackerIntervalSec: 1800 }), true);
    });

    it('dials them from behind NAT, too', async () => {
      await lateSeed(new SimSwarm({ ...SMALL, trackerIntervalSec: 1800 }), false);
    });

    it('is also a download that has come to its end', async () => {
      const swarm = new SimSwarm({ ...SMALL, trackerIntervalSec: 1800 });
      const seed = await swarm.add({ have: 'all', uplinkBytesPerSec: 200 * KIB, dialable: false });
      const first = await swarm.add();
      seed.meet(first);
      await swarm.run(() => first.torrent.content.possession.doneBytes > 0, 10);
      // From here on one of the two cannot be dialled.
      first.dialable = false;
      const late = await swarm.add();
      await swarm.run(() => first.completedMs !== undefined, 30);
      seed.vanish();
      await swarm.run(() => late.completedMs !== undefined, 60);
      expectWhole(swarm, [first, late]);
    });

    it('leaves other seeds alone, after one dial at most', async () => {
      const swarm = new SimSwarm({ ...SMALL, trackerIntervalSec: 600 });
      for (let n = 0; n < 4; n++) await swarm.add({ have: 'all' });
      await swarm.runFor(2 * 3600);
      const dials = swarm.nodes.reduce((sum, node) => sum + node.dials, 0);
      // Each pair met once; twice where both dialled at the same moment.
      expect(dials).to.be.within(6, 12);
      for (const { torrent } of swarm.nodes) expect(torrent.peers.size).to.equal(0);
    });
  });

  it('comes to its end with any seed, any speeds and any comings and goings', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 1e6 }), (seed) =>
        withRecipes(async () => {
          const random = seededRandom(seed);
          const swarm = new SimSwarm({ ...SMALL, seed });
          await swarm.add({ have: 'all', uplinkBytesPerSec: 400 * KIB });
          const speed = (): number => (10 + Math.floor(random() * 1000)) * KIB;
          const count = 3 + Math.floor(random() * 4);
          for (let n = 0; n < count; n++)
            await swarm.add({
              uplinkBytesPerSec: speed(),
              latencyMs: 1 + random() * 150,
              memoryBytes: (random() < 0.5 ? 256 : 1024) * KIB,
              uploadSlots: 1 + Math.floor(random() * 4),
            });
          swarm.introduceAll();
          for (let change = 0; change < 4; change++) {
            await swarm.runFor(random() * 2);
            const there = swarm.nodes.slice(1).filter(({ gone }) => !gone);
            const victim = there[Math.floor(random() * there.length)];
            const dice = random();
            if (dice < 0.2) victim?.vanish();
            else if (dice < 0.4) victim?.loseThread();
            else if (dice < 0.6) await victim?.leave();
            else {
              await swarm.add({ uplinkBytesPerSec: speed(), latencyMs: 1 + random() * 150 });
              swarm.introduceAll();
            }
          }
          await swarm.runUntilComplete(300);
          expectWhole(swarm);
        }),
      ),
      { numRuns: 12 },
    );
  });
});
