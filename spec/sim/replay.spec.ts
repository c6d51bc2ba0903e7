// A recorded run of the coordinator is the same again, byte for byte, with nothing but its journal.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { Possession } from '../../lib/coordinator/pieces/possession';
import { COMMITTED, fileOf, journalOf } from '../support/journal/committed';
import { loadJournal, saveJournal } from '../support/journal/journal';
import type { Journal, Step } from '../support/journal/journal';
import { Divergence, replay } from '../support/journal/replay';
import { textOf } from '../support/journal/values';
import { WALK, WALK_OPTIONS, Walk } from '../support/desk-walk';
import { printRecipes, withRecipes } from '../support/recipes';
import type { SimNode } from '../support/sim-node';
import { SimSwarm } from '../support/sim-swarm';
import { KIB, MIB } from '../support/sim-torrent';

/** A leecher of a swarm where peers lie, leave and lose their thread; and the seed that leaves. */
async function recorded(seed: number): Promise<Journal[]> {
  const swarm = new SimSwarm({ totalLengthBytes: MIB, pieceLengthBytes: 32 * KIB, seed });
  const uplinkBytesPerSec = MIB;
  const parting = await swarm.add({ have: 'all', uplinkBytesPerSec, record: true });
  await swarm.add({ have: 'all', uplinkBytesPerSec });
  await swarm.add({ have: 'all', uplinkBytesPerSec, spoils: [3, 17] });
  const leechers: SimNode[] = [];
  for (let n = 0; n < 3; n++)
    leechers.push(await swarm.add({ writeBytesPerMs: 2_000, record: n === 0 }));
  swarm.introduceAll();
  await swarm.run(
    () => leechers.some(({ torrent }) => torrent.content.possession.doneBytes > MIB / 3),
    30,
  );
  await parting.leave();
  leechers[0]?.loseThread();
  await swarm.run(() => leechers.every(({ completedMs }) => completedMs !== undefined), 30);
  return [parting, ...leechers.slice(0, 1)].map(({ engine }) => journalOf(engine));
}

/** Where the replay goes another way; undefined where it does not. */
async function divergenceOf(journal: Journal): Promise<number | undefined> {
  try {
    await replay(journal);
    return undefined;
  } catch (error) {
    if (error instanceof Divergence) return error.step;
    throw error;
  }
}

/** The journal with one step changed. */
function changed(journal: Journal, at: number, change: Partial<Step>): Journal {
  return {
    ...journal,
    steps: journal.steps.map((step, each) => (each === at ? { ...step, ...change } : step)),
  };
}

describe('sim: replay', () => {
  printRecipes();

  for (const seed of [1, 2, 3, 4])
    it(`of a swarm where peers lie, leave and lose their thread (seed ${seed})`, async () => {
      for (const journal of await recorded(seed)) {
        const texts = await replay(journal);
        expect(texts).to.deep.equal(journal.steps.flatMap(({ out }) => out));
        expect(texts.filter((text) => text.startsWith('["order"'))).to.have.length.above(10);
      }
    });

  it('of a peer that knows its content later', async () => {
    const swarm = new SimSwarm({ totalLengthBytes: MIB, pieceLengthBytes: 64 * KIB });
    await swarm.add({ have: 'all' });
    const late = await swarm.add({ learnsAfterMs: 3_000, record: true });
    swarm.introduceAll();
    await swarm.runUntilComplete(30);
    const journal = journalOf(late.engine);
    const texts = await replay(journal);
    expect(texts).to.deep.equal(journal.steps.flatMap(({ out }) => out));
    expect(texts.filter((text) => text.includes('"torrent-content"'))).to.have.length(1);
  });

  it('of a swarm with a tracker, in which a peer completes and goes', async () => {
    const swarm = new SimSwarm({
      totalLengthBytes: MIB,
      pieceLengthBytes: 64 * KIB,
      trackerIntervalSec: 60,
    });
    await swarm.add({ have: 'all', uplinkBytesPerSec: MIB });
    const leecher = await swarm.add({ record: true, memoryBytes: 128 * KIB });
    const quick = await swarm.add({ record: true, seed: false });
    await swarm.runUntilComplete(120);
    await leecher.leave();
    await swarm.runFor(90);
    for (const node of [leecher, quick]) {
      const texts = await replay(journalOf(node.engine));
      expect(texts.some((text) => text.startsWith('["announce"'))).to.equal(true);
    }
  });

  it('of two torrents, whatever peers, threads, workers, disks, trackers and the user do', async function () {
    this.timeout(60_000);
    await fc.assert(
      fc.asyncProperty(WALK_OPTIONS, WALK, (options, steps) =>
        withRecipes(async () => {
          const walk = await Walk.begin({ ...options, record: true });
          for (const step of steps) await walk.take(step);
          await walk.finish();
          await walk.close();
          await replay(journalOf(walk.engine));
        }),
      ),
      { numRuns: 12 },
    );
  });

  for (const run of COMMITTED)
    it(`of a run that was recorded in another time, on another Node (${run.name})`, async () => {
      const journal = loadJournal(fileOf(run));
      try {
        await replay(journal);
      } catch (error) {
        if (error instanceof Divergence)
          error.message += '\nIf the coordinator was changed on purpose: npm run journals';
        throw error;
      }
    });

  it('of a journal that went through a file', async () => {
    const [journal] = await recorded(6);
    if (journal === undefined) throw new Error('nothing was recorded');
    const folder = mkdtempSync(join(tmpdir(), 'millrace-journal-'));
    try {
      const file = join(folder, 'one.jsonl.gz');
      saveJournal(file, journal);
      const read = loadJournal(file);
      expect(textOf(read)).to.equal(textOf(journal));
      await replay(read);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  describe('fails', () => {
    let journal: Journal;
    before(async () => {
      const [, leecher] = await recorded(5);
      if (leecher === undefined) throw new Error('nothing was recorded');
      journal = leecher;
    });

    /** The steps for which that holds, the first and the last few of them. */
    const stepsWith = (condition: (step: Step) => boolean): number[] => {
      const found = [...journal.steps.keys()].filter((at) => condition(journal.steps[at] as Step));
      return [...found.slice(0, 3), ...found.slice(-3)];
    };

    it('at the very step with one order changed, missing or too many', async () => {
      const steps = stepsWith(({ out }) => out.some((text) => text.startsWith('["order"')));
      expect(steps).to.have.length(6);
      for (const at of steps) {
        const { out = [] } = journal.steps[at] ?? {};
        const order = out.findIndex((text) => text.startsWith('["order"'));
        const other = out.with(order, out[order]?.replace('["order",0', '["order",1') ?? '');
        expect(await divergenceOf(changed(journal, at, { out: other }))).to.equal(at);
        expect(await divergenceOf(changed(journal, at, { out: out.toSpliced(order, 1) }))).to.equal(
          at,
        );
        expect(await divergenceOf(changed(journal, at, { out: [...out, 'more'] }))).to.equal(at);
      }
    });

    it('where the table answers something else', async () => {
      const isHere = (question: string): boolean => question.startsWith('state ');
      const [at = -1] = stepsWith(({ reads }) => Object.keys(reads).some(isHere));
      const reads = Object.fromEntries(
        Object.entries(journal.steps[at]?.reads ?? {}).map(([question, answers]) => [
          question,
          isHere(question) ? answers.map(() => 0) : answers,
        ]),
      );
      expect(await divergenceOf(changed(journal, at, { reads }))).to.be.at.least(at);
    });

    it('where the dice fall otherwise, or are not thrown', async () => {
      const thrown = journal.steps.map(({ reads }) => reads['dice']?.length ?? 0);
      const at = thrown.indexOf(Math.max(...thrown)); // the order of the pieces
      const { reads = {} } = journal.steps[at] ?? {};
      const { dice = [], ...others } = reads;
      expect(
        await divergenceOf(changed(journal, at, { reads: { ...others, dice: dice.map(() => 0) } })),
      ).to.be.at.least(at);
      expect(await divergenceOf(changed(journal, at, { reads: others }))).to.equal(at);
    });

    it('with settings under which the coordinator decides otherwise', async () => {
      const { start, steps } = journal;
      const settings = { ...start.settings, memoryBytes: 64 * KIB };
      expect(await divergenceOf({ start: { ...start, settings }, steps })).to.be.at.least(0);
    });

    it('with other code: news that come out in another order', async () => {
      const { takeNews } = Possession.prototype;
      Possession.prototype.takeNews = function () {
        return takeNews.call(this).toReversed();
      };
      try {
        expect(await divergenceOf(journal)).to.be.at.least(0);
      } finally {
        Possession.prototype.takeNews = takeNews;
      }
    });
  });
});
