// Choking in swarms in virtual time: nodes that upload more finish sooner.

import { expect } from 'chai';
import { printRecipes } from '../support/recipes';
import type { SimNode } from '../support/sim-node';
import type { SimNodeOptions } from '../support/sim-options';
import { SimSwarm } from '../support/sim-swarm';
import { KIB, MIB } from '../support/sim-torrent';

/** Mean time of completion, in seconds. */
function meanSec(swarm: SimSwarm, nodes: readonly SimNode[]): number {
  const ends = nodes.map(({ completedMs = Infinity }) => completedMs - swarm.startedMs);
  return ends.reduce((sum, each) => sum + each, 0) / ends.length / 1000;
}

describe('sim: choking', () => {
  printRecipes();

  it('nodes that upload more finish sooner, and free riders finish last', async () => {
    const swarm = new SimSwarm({ totalLengthBytes: 6 * MIB, pieceLengthBytes: 32 * KIB });
    const join = async (count: number, options: SimNodeOptions): Promise<SimNode[]> => {
      const nodes: SimNode[] = [];
      for (let n = 0; n < count; n++)
        nodes.push(await swarm.add({ uploadSlots: 4, memoryBytes: 8 * MIB, ...options }));
      return nodes;
    };
    await join(1, { have: 'all', uplinkBytesPerSec: 64 * KIB });
    const givers = await join(6, { uplinkBytesPerSec: 40 * KIB });
    const misers = await join(3, { uplinkBytesPerSec: 5 * KIB });
    const riders = await join(2, { uploadSlots: 0 });
    swarm.introduceAll();
    await swarm.runUntilComplete(600);
    const [give = 0, miser = 0, ride = 0] = [givers, misers, riders].map((nodes) =>
      meanSec(swarm, nodes),
    );
    expect(give, 'those who give most').to.be.below(miser);
    expect(miser, 'those who give little').to.be.below(ride);
  });
});
