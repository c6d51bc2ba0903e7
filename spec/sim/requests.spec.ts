// What requests cost in swarms in virtual time: slow and silent peers, and blocks that come twice.

import { expect } from 'chai';
import { printRecipes } from '../support/recipes';
import type { SimNode } from '../support/sim-node';
import { SimSwarm } from '../support/sim-swarm';
import { KIB, MIB } from '../support/sim-torrent';

const wasteOf = ({ torrent }: SimNode): number => torrent.wastedBytes / torrent.downloadedBytes;

describe('sim: requests', () => {
  printRecipes();

  it('the only seed is dialled again when its connection is dead, long before TCP notices', async () => {
    const swarm = new SimSwarm({ totalLengthBytes: 2 * MIB, pieceLengthBytes: 256 * KIB });
    const leecher = await swarm.add();
    await swarm.add({ have: 'all', uplinkBytesPerSec: 200 * KIB });
    swarm.introduceAll();
    await swarm.run(() => leecher.torrent.content.possession.doneBytes >= 512 * KIB, 20);
    for (const connection of leecher.thread.connections.values()) {
      // The seed has lost it, and its last message as well: its machine was switched off and on.
      const { other } = connection;
      connection.other = undefined;
      if (other === undefined) continue;
      other.other = undefined;
      other.close('connection-error', 'the machine was off');
    }
    await swarm.run(() => leecher.completedMs !== undefined, 120);
    // Two request time-outs of 20 s, and 10 s of transfer; the silence of a connection ends it after 240 s.
    expect(swarm.elapsedSec).to.be.below(70);
    expect(leecher.engine.state.closed.get('silent')).to.equal(1);
  });

  it('a peer whose connection is dead stays while another serves us', async () => {
    const swarm = new SimSwarm({ totalLengthBytes: 4 * MIB, pieceLengthBytes: 256 * KIB });
    const leecher = await swarm.add();
    for (let n = 0; n < 2; n++) await swarm.add({ have: 'all', uplinkBytesPerSec: 50 * KIB });
    swarm.introduceAll();
    await swarm.run(() => leecher.torrent.content.possession.doneBytes >= 512 * KIB, 20);
    const [connection] = leecher.thread.connections.values();
    if (connection?.other) connection.other.other = undefined;
    if (connection) connection.other = undefined;
    await swarm.run(() => leecher.completedMs !== undefined, 200);
    expect(leecher.engine.state.closed.get('silent')).to.equal(undefined);
  });

  it('slow peers fetch nothing in vain where memory is short', async () => {
    const swarm = new SimSwarm({ totalLengthBytes: 3 * MIB, pieceLengthBytes: 16 * KIB });
    const leecher = await swarm.add({ memoryBytes: MIB });
    for (let n = 0; n < 10; n++) await swarm.add({ have: 'all', uplinkBytesPerSec: 6 * KIB });
    swarm.introduceAll();
    await swarm.run(() => leecher.completedMs !== undefined, 200);
    expect(wasteOf(leecher)).to.be.below(0.05);
    expect(swarm.elapsedSec).to.be.below((1.3 * (3 * MIB)) / (60 * KIB));
  });

  it('a fast peer takes over from slow ones that occupy the memory', async () => {
    const swarm = new SimSwarm({ totalLengthBytes: 3 * MIB, pieceLengthBytes: 16 * KIB });
    const leecher = await swarm.add({ memoryBytes: MIB });
    for (let n = 0; n < 8; n++) await swarm.add({ have: 'all', uplinkBytesPerSec: KIB });
    await swarm.add({ have: 'all', uplinkBytesPerSec: 300 * KIB });
    swarm.introduceAll();
    // The slow ones alone need minutes for what they hold.
    await swarm.run(() => leecher.completedMs !== undefined, 45);
    expect(wasteOf(leecher)).to.be.below(0.1);
  });

  it('the end costs few blocks twice, among peers of all speeds', async () => {
    const wasted: number[] = [];
    for (const seed of [1, 2]) {
      const swarm = new SimSwarm({ totalLengthBytes: 6 * MIB, pieceLengthBytes: 256 * KIB, seed });
      const leecher = await swarm.add({ memoryBytes: 8 * MIB });
      for (let n = 0; n < 8; n++)
        await swarm.add({ have: 'all', uplinkBytesPerSec: (10 + 40 * n) * KIB });
      swarm.introduceAll();
      await swarm.run(() => leecher.completedMs !== undefined, 60);
      wasted.push(wasteOf(leecher));
    }
    expect(Math.max(...wasted)).to.be.below(0.05);
  });
});
