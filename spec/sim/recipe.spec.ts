// A failing simulation prints how to reproduce it.

import { expect } from 'chai';
import { withRecipes } from '../support/recipes';
import { SimSwarm } from '../support/sim-swarm';
import { KIB } from '../support/sim-torrent';

const SIZE = { totalLengthBytes: 128 * KIB, pieceLengthBytes: 64 * KIB };

/** The report of a failure, line by line. */
async function recipeOf(run: () => Promise<void>): Promise<string[]> {
  try {
    await withRecipes(run);
  } catch (error) {
    if (error instanceof Error && error.cause instanceof Error)
      return error.cause.message.split('\n');
  }
  throw new Error('it did not fail, or printed nothing');
}

describe('sim: a failure', () => {
  it('names the seed, what that expands to, and all that was done', async () => {
    const lines = await recipeOf(async () => {
      const swarm = new SimSwarm({ ...SIZE, seed: 77 });
      await swarm.add({ have: 'all', uplinkBytesPerSec: 1000 });
      const leecher = await swarm.add({ latencyMs: 12.5 });
      swarm.introduceAll();
      await swarm.runFor(1);
      leecher.loseThread();
      await swarm.runUntilComplete(2);
    });
    const [head, ...steps] = lines;
    expect(head).to.equal('swarm { seed: 77, totalLengthBytes: 131072, pieceLengthBytes: 65536 }');
    expect(steps.slice(0, 3)).to.deep.equal([
      "  0.000 s 10.0.0.1 add { have: 'all', uplinkBytesPerSec: 1000 }",
      '  0.000 s 10.0.0.2 add { latencyMs: 12.5 }',
      '  0.000 s introduceAll',
    ]);
    expect(steps[3]).to.match(/^ {2}1\.\d+ s 10\.0\.0\.2 loseThread$/);
    expect(steps[4]).to.match(/^ {2}2\.\d+ s 10\.0\.0\.1 seeding 0 left, /);
    expect(steps).to.have.length(5);
  });

  it('does not mention swarms that were made for another run', async () => {
    await withRecipes(async () => void new SimSwarm({ ...SIZE, seed: 1 }));
    const lines = await recipeOf(async () => {
      throw new Error(`only ${new SimSwarm({ ...SIZE, seed: 2 }).seed}`);
    });
    expect(lines.filter((line) => line.startsWith('swarm'))).to.have.length(1);
  });
});
