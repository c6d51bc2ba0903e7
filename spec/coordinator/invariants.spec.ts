// Whatever peers, threads, workers, disks, trackers and users do, in whatever order: the books of the coordinator
// balance after every step, and honest peers bring every torrent to its end.

import { expect } from 'chai';
import fc from 'fast-check';
import type { Happening } from '../../lib/coordinator/happenings';
import { expectBalance, expectTruth } from '../support/desk-invariants';
import { WALK, WALK_OPTIONS, Walk } from '../support/desk-walk';
import type { WalkOptions, WalkStep } from '../support/desk-walk';
import { withRecipes } from '../support/recipes';

/** Every kind of happening. */
const ALL: Readonly<Record<Happening['type'], true>> = {
  'add-peers': true,
  added: true,
  admitted: true,
  announced: true,
  checked: true,
  'content-opened': true,
  'dial-turn': true,
  'empty-files-made': true,
  facts: true,
  'go-on': true,
  'grant-rates': true,
  'ip-filter': true,
  judged: true,
  'last-announces-over': true,
  'last-record-saved': true,
  listening: true,
  looked: true,
  'metadata-checked': true,
  'metadata-loaded': true,
  metainfo: true,
  'may-stop-announcing': true,
  pause: true,
  'record-removed': true,
  'record-saved': true,
  released: true,
  remove: true,
  resume: true,
  'set-limits': true,
  'stats-wanted': true,
  'super-seed': true,
  synced: true,
  'thread-died': true,
  'thread-restarted': true,
  tick: true,
  verified: true,
  'verify-thread-died': true,
};

const happened = new Set<Happening['type']>();

async function walked(options: WalkOptions, steps: readonly WalkStep[]): Promise<void> {
  const walk = await Walk.begin(options);
  const { engine } = walk;
  const check = (): void => {
    expectBalance(engine);
    for (const torrent of walk.torrents) {
      expectTruth(torrent);
      expect(torrent.state.content.jobsOut, 'jobs out').to.equal(walk.jobsOf(torrent));
    }
  };
  for (const step of steps) {
    await walk.take(step);
    check();
  }
  await walk.finish();
  check();
  expect(walk.torrents).to.have.length(2);
  for (const torrent of walk.torrents) {
    expect(torrent.state.phase).to.equal(options.seedsStay ? 'seeding' : 'complete');
    expect(torrent.content.equals(torrent.stored)).to.equal(true);
  }
  await walk.close();
  expect([...engine.state.torrents.keys()]).to.deep.equal([]);
  expect(engine.disk.locks).to.deep.equal([]);
  expect(engine.timers, 'timers').to.equal(0);
  for (const type of engine.happened) happened.add(type);
  expect(engine.memoryIsBack).to.equal(true);
}

describe('coordinator: invariants', () => {
  it('hold after every step, and the end is always reached', async function () {
    this.timeout(120_000);
    await fc.assert(
      fc.asyncProperty(WALK_OPTIONS, WALK, (options, steps) =>
        withRecipes(() => walked(options, steps)),
      ),
      { numRuns: 50 },
    );
    expect([...happened].sort(), 'all of it happened').to.deep.equal(Object.keys(ALL).sort());
  });
});
