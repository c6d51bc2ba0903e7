// The cost of a peer that sends wrong bytes among many honest ones.

import { expect } from 'chai';
import { printRecipes } from '../support/recipes';
import { SIM_PORT } from '../support/sim-peer-thread';
import { SimSwarm } from '../support/sim-swarm';
import { KIB, MIB } from '../support/sim-torrent';

const LENGTH_BYTES = 16 * MIB;
const PIECE_BYTES = 64 * KIB;

describe('sim: a poisoner among fifty honest peers', () => {
  printRecipes();

  it('is found and banned, no other is, and spoils less than 2 % of what is fetched', async () => {
    const swarm = new SimSwarm({ totalLengthBytes: LENGTH_BYTES, pieceLengthBytes: PIECE_BYTES });
    const leecher = await swarm.add({ memoryBytes: 16 * MIB });
    const spoils = [...Array(LENGTH_BYTES / PIECE_BYTES).keys()];
    const liar = await swarm.add({ have: 'all', spoils, uplinkBytesPerSec: 60 * KIB });
    for (let n = 0; n < 50; n++)
      await swarm.add({ have: 'all', uplinkBytesPerSec: (20 + 2 * n) * KIB });
    swarm.introduceAll();
    await swarm.run(() => leecher.completedMs !== undefined, 60);
    expect(Buffer.from(leecher.stored.buffer).equals(swarm.torrent.content)).to.equal(true);
    const { book, content } = leecher.torrent;
    const banned = swarm.nodes.filter(({ host }) => book.isBanned(host, SIM_PORT, ''));
    expect(banned.map(({ host }) => host)).to.deep.equal([liar.host]);
    expect(content.piecesFailed).to.be.at.least(1);
    // A failed piece is fetched again as a whole.
    expect(content.piecesFailed * PIECE_BYTES).to.be.below(0.02 * LENGTH_BYTES);
  });
});
