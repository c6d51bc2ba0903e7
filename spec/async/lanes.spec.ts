import { expect } from 'chai';
import fc from 'fast-check';
import { lanes } from '../../lib/async/lanes';

/** Jobs under way, to be ended one by one. */
class Jobs {
  readonly begun: number[] = [];
  readonly #ends = new Map<number, { resolve: () => void; reject: (error: Error) => void }>();

  readonly run = (item: number): Promise<void> => {
    this.begun.push(item);
    return new Promise((resolve, reject) => this.#ends.set(item, { resolve, reject }));
  };

  get underWay(): number[] {
    return [...this.#ends.keys()];
  }

  async end(item: number, error?: Error): Promise<void> {
    const end = this.#ends.get(item);
    this.#ends.delete(item);
    if (error) end?.reject(error);
    else end?.resolve();
    await settled();
  }
}

/** Every reaction to what was resolved has run. */
const settled = (): Promise<void> => new Promise((done) => setImmediate(done));

describe('async/lanes', () => {
  it('begins every item once, in order, with as many under way as there are lanes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(12),
        fc.integer({ min: 1, max: 5 }),
        fc.infiniteStream(fc.nat(100)),
        async (length, count, dice) => {
          const jobs = new Jobs();
          const items = Array.from({ length }, (_, at) => at);
          const all = lanes(count, items, jobs.run);
          for (let ended = 0; ended < length; ended++) {
            const { underWay } = jobs;
            expect(underWay).to.have.length(Math.min(count, length - ended));
            await jobs.end(underWay[dice.next().value % underWay.length] as number);
          }
          await all;
          expect(jobs.begun).to.deep.equal(items);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('draws an item only when its turn comes', async () => {
    let drawn = 0;
    const source = (function* () {
      for (; drawn < 3;) yield drawn++;
    })();
    const jobs = new Jobs();
    const all = lanes(1, source, jobs.run);
    expect(drawn).to.equal(1);
    for (const item of [0, 1, 2]) await jobs.end(item);
    await all;
  });

  it('rejects with the first failure at once, and begins nothing after it', async () => {
    const jobs = new Jobs();
    const all = lanes(2, [0, 1, 2, 3], jobs.run).catch((error: unknown) => error);
    const failure = new Error('of item 0');
    await jobs.end(0, failure);
    expect(await all).to.equal(failure);
    await jobs.end(1);
    expect(jobs.begun).to.deep.equal([0, 1]);
  });

  it('rejects when the next item cannot be drawn', async () => {
    const failure = new Error('no more');
    const source = (function* () {
      yield 0;
      throw failure;
    })();
    const jobs = new Jobs();
    const all = lanes(1, source, jobs.run).catch((error: unknown) => error);
    await jobs.end(0);
    expect(await all).to.equal(failure);
  });
});
