// Swarms with the fast extension (BEP 6) on both sides of a connection, on one, and on none. Each rare
// path is counted, so that a swarm that never takes it shows.

import { expect } from 'chai';
import { printRecipes } from '../support/recipes';
import { SimSwarm } from '../support/sim-swarm';
import { KIB, MIB } from '../support/sim-torrent';

const TORRENT = { totalLengthBytes: 4 * MIB, pieceLengthBytes: 64 * KIB };

function expectWhole(swarm: SimSwarm): void {
  for (const node of swarm.nodes) {
    const same = Buffer.from(node.stored.buffer).equals(swarm.torrent.content);
    expect(same, `${node.host}: the bytes`).to.equal(true);
    expect(node.engine.memoryIsBack, `${node.host}: memory`).to.equal(true);
    expect(node.engine.logs, node.host).to.deep.equal([]);
  }
}

/** A seed with few slots and ten leechers, of which each `fast`th has the extension. */
async function swarmOf(seed: number, isFast: (node: number) => boolean): Promise<SimSwarm> {
  const swarm = new SimSwarm({ ...TORRENT, seed });
  for (let node = 0; node < 11; node++) {
    const have = node === 0 ? { have: 'all' as const } : {};
    await swarm.add({ ...have, uploadSlots: 3, uplinkBytesPerSec: 200 * KIB, fast: isFast(node) });
  }
  swarm.introduceAll();
  await swarm.runUntilComplete(300);
  expectWhole(swarm);
  return swarm;
}

/** How often a fact occurred at all nodes. */
function seen(swarm: SimSwarm, fact: string): number {
  return swarm.nodes.reduce((sum, node) => sum + (node.seen.get(fact) ?? 0), 0);
}

describe('sim: the fast extension', () => {
  printRecipes();

  it('on all nodes: all complete, and chokes lose no block that was on its way', async () => {
    const swarm = await swarmOf(1, () => true);
    expect(seen(swarm, 'peer-bitfield all'), 'have-all').to.be.greaterThan(0);
    expect(seen(swarm, 'peer-bitfield none'), 'have-none').to.be.greaterThan(0);
    expect(seen(swarm, 'lease-returned choked'), 'returned after a choke').to.be.greaterThan(0);
    expect(seen(swarm, 'closed unrequested-reject')).to.equal(0);
    expect(seen(swarm, 'closed unrequested-piece')).to.equal(0);
    expect(seen(swarm, 'closed fast-not-announced')).to.equal(0);
  });

  it('newcomers get allowed pieces before they are unchoked', async () => {
    const swarm = new SimSwarm({ totalLengthBytes: 4 * MIB, pieceLengthBytes: 32 * KIB });
    await swarm.add({ have: 'all', uploadSlots: 1, uplinkBytesPerSec: MIB });
    for (let node = 0; node < 6; node++)
      await swarm.add({ uploadSlots: 1, uplinkBytesPerSec: 200 * KIB });
    swarm.introduceAll();
    await swarm.runUntilComplete(300);
    expectWhole(swarm);
    expect(seen(swarm, 'allowed-fast'), 'granted').to.be.greaterThan(0);
    expect(seen(swarm, 'lease while choked'), 'used').to.be.greaterThan(0);
  });

  it('on some nodes: all complete, and none is closed for the messages of another', async () => {
    const swarm = await swarmOf(2, (node) => node % 2 === 0);
    expect(seen(swarm, 'peer-bitfield all')).to.be.greaterThan(0);
    expect(seen(swarm, 'peer-bitfield bits')).to.be.greaterThan(0);
    expect(seen(swarm, 'lease-returned choked')).to.be.greaterThan(0);
    expect(seen(swarm, 'closed fast-not-announced')).to.equal(0);
  });

  it('on no node: all complete without its messages', async () => {
    const swarm = await swarmOf(3, () => false);
    for (const fact of ['peer-bitfield all', 'peer-bitfield none', 'lease-returned choked'])
      expect(seen(swarm, fact), fact).to.equal(0);
  });
});
