// The memory budget: never over the limit, no torrent starves, everything is returned.

import { expect } from 'chai';
import fc from 'fast-check';
import { MIB } from '../../lib/bytes/lengths';
import { MillraceError } from '../../lib/errors/millrace-error';
import { MemoryBudget } from '../../lib/memory/budget';

function budgetOf(limit: number, pieces: readonly number[], max = limit): MemoryBudget {
  const budget = new MemoryBudget({ limitBytes: limit, maxBytes: max });
  pieces.forEach((pieceLengthBytes, torrent) => {
    budget.register(torrent, { pieceLengthBytes });
    budget.setActive(torrent, true);
  });
  return budget;
}

/** Commits pieces until refused; returns how many. */
function fill(budget: MemoryBudget, torrent: number, piece: number): number {
  let pieces = 0;
  while (budget.tryCommit(torrent, piece)) pieces++;
  return pieces;
}

/** The four rules, implemented simply, without care for speed. */
class Rules {
  readonly torrents = new Map<
    number,
    { readonly piece: number; held: number; active: boolean; leaving: boolean }
  >();
  limit: number;
  private readonly least: number;
  private readonly line: { readonly torrent: number; readonly bytes: number }[] = [];

  constructor(least: number) {
    this.limit = this.least = least;
  }

  get held(): number {
    return [...this.torrents.values()].reduce((sum, { held }) => sum + held, 0);
  }

  register(torrent: number, piece: number): { grown: boolean; limitBytes: number } {
    const before = this.limit;
    this.torrents.set(torrent, { piece, held: 0, active: false, leaving: false });
    this.limit = Math.max(this.limit, 2 * piece);
    return { grown: this.limit > before, limitBytes: Math.max(this.limit, this.held) };
  }

  unregister(torrent: number): void {
    this.setActive(torrent, false);
    const one = this.torrents.get(torrent);
    if (one !== undefined) one.leaving = true;
    this.tidy(torrent);
  }

  setActive(torrent: number, active: boolean): void {
    const one = this.torrents.get(torrent);
    if (one === undefined || one.leaving) return;
    one.active = active;
    if (!active) this.leaveLine(torrent);
  }

  release(torrent: number, bytes: number): void {
    const one = this.torrents.get(torrent);
    if (one !== undefined) one.held -= bytes;
    this.tidy(torrent);
  }

  tryCommit(torrent: number, bytes: number): boolean {
    const one = this.torrents.get(torrent);
    if (one?.active !== true) return false;
    const within = this.entitled(torrent, bytes);
    while (this.line[0] && !this.entitled(this.line[0].torrent, this.line[0].bytes)) {
      if (this.line[0].torrent === torrent) break;
      this.line.shift();
    }
    const first = this.line[0];
    const forFirst = first === undefined || first.torrent === torrent ? 0 : first.bytes;
    const forOthers = [...this.torrents]
      .filter(([other, { active }]) => other !== torrent && active)
      .filter(([other, { piece }]) => this.entitled(other, piece))
      .reduce((sum, [, { piece }]) => sum + piece, 0);
    const ok = this.held + bytes + Math.max(forFirst, within ? 0 : forOthers) <= this.limit;
    if (ok) {
      one.held += bytes;
      this.leaveLine(torrent);
    } else if (within && !this.line.some((waiting) => waiting.torrent === torrent)) {
      this.line.push({ torrent, bytes });
    }
    return ok;
  }

  /** It would stay within its share. */
  private entitled(torrent: number, bytes: number): boolean {
    const one = this.torrents.get(torrent);
    const active = [...this.torrents.values()].filter((other) => other.active).length;
    return (
      one !== undefined && one.held + bytes <= Math.max(Math.floor(this.limit / active), one.piece)
    );
  }

  private leaveLine(torrent: number): void {
    const at = this.line.findIndex((waiting) => waiting.torrent === torrent);
    if (at !== -1) this.line.splice(at, 1);
  }

  private tidy(torrent: number): void {
    const one = this.torrents.get(torrent);
    if (!one?.leaving || one.held > 0) return;
    this.torrents.delete(torrent);
    const pieces = [...this.torrents.values()].map(({ piece }) => piece);
    this.limit = Math.max(this.least, 2 * Math.max(0, ...pieces));
  }
}

describe('memory budget', () => {
  it('lets a lone torrent use all of it', () => {
    const budget = budgetOf(64, [8]);
    expect(fill(budget, 0, 8)).to.equal(8);
    expect(budget.committedBytes).to.equal(64);
    budget.release(0, 8);
    expect(budget.tryCommit(0, 8)).to.be.true;
  });

  it('keeps one piece free for a torrent that is below its share, and gives it its share', () => {
    const budget = budgetOf(64, [8, 8]);
    expect(fill(budget, 0, 8)).to.equal(7);
    expect(budget.tryCommit(1, 8)).to.be.true;
    expect(budget.tryCommit(1, 8)).to.be.false;
    // What the first one releases is the second one's, until both hold their share.
    for (let i = 0; i < 3; i++) {
      budget.release(0, 8);
      expect(budget.tryCommit(0, 8)).to.be.false;
      expect(budget.tryCommit(1, 8)).to.be.true;
    }
    expect([budget.committedOf(0), budget.committedOf(1)]).to.deep.equal([32, 32]);
  });

  it('keeps nothing for a torrent that is inactive, and gives it nothing', () => {
    const budget = budgetOf(64, [8, 8]);
    budget.setActive(1, false);
    expect(fill(budget, 0, 8)).to.equal(8);
    expect(budget.tryCommit(1, 8)).to.be.false;
    budget.setActive(1, true);
    budget.release(0, 8);
    expect(budget.tryCommit(0, 8)).to.be.false;
    expect(budget.tryCommit(1, 8)).to.be.true;
  });

  it('serves torrents in the order they were refused where not all fit at once', () => {
    const budget = budgetOf(16, [8, 8, 8, 8]);
    expect([0, 1, 2, 3].map((torrent) => budget.tryCommit(torrent, 8))).to.deep.equal([
      true,
      true,
      false,
      false,
    ]);
    budget.release(0, 8);
    expect(budget.tryCommit(0, 8)).to.be.false;
    expect(budget.tryCommit(3, 8)).to.be.false;
    expect(budget.tryCommit(2, 8)).to.be.true;
    budget.release(1, 8);
    expect(budget.tryCommit(1, 8)).to.be.false;
    expect(budget.tryCommit(3, 8)).to.be.true;
  });

  it('does not keep room for a torrent in line that has become inactive', () => {
    const budget = budgetOf(16, [8, 8, 8]);
    for (const torrent of [0, 1, 2]) budget.tryCommit(torrent, 8);
    budget.release(0, 8);
    budget.setActive(2, false);
    expect(budget.tryCommit(0, 8)).to.be.true;
  });

  it('grows to hold two of a long piece, reports it, and shrinks when that torrent is gone', () => {
    const budget = new MemoryBudget({ limitBytes: 64 * MIB, maxBytes: 256 * MIB });
    expect(budget.register(0, { pieceLengthBytes: 32 * MIB })).to.deep.equal({
      grown: false,
      limitBytes: 64 * MIB,
    });
    expect(budget.register(1, { pieceLengthBytes: 64 * MIB })).to.deep.equal({
      grown: true,
      limitBytes: 128 * MIB,
    });
    budget.setActive(1, true);
    expect(fill(budget, 1, 64 * MIB)).to.equal(2);
    budget.unregister(1);
    expect(budget.limitBytes).to.equal(128 * MIB);
    budget.release(1, 64 * MIB);
    budget.release(1, 64 * MIB);
    expect(budget.limitBytes).to.equal(64 * MIB);
    expect(budget.committedBytes).to.equal(0);
  });

  it('refuses pieces of which two exceed what it may grow to', () => {
    const budget = new MemoryBudget({ limitBytes: 64 * MIB, maxBytes: 128 * MIB });
    let thrown: unknown;
    try {
      budget.register(0, { pieceLengthBytes: 64 * MIB + 1 });
    } catch (error) {
      thrown = error;
    }
    expect(thrown).to.be.instanceOf(MillraceError);
    expect((thrown as MillraceError).code).to.equal('piece-too-large');
    expect((thrown as MillraceError).message).to.match(/^pieces of 67108865 bytes exceed 67108864/);
    expect((thrown as MillraceError).details).to.deep.equal({
      pieceLengthBytes: 64 * MIB + 1,
      maxPieceLengthBytes: 64 * MIB,
    });
  });

  it('throws on the release of more than is held, and on a second registration', () => {
    const budget = budgetOf(64, [8]);
    budget.tryCommit(0, 8);
    const broken: [RegExp, () => void][] = [
      [/^torrent 0 released 9 bytes but holds 8$/, () => budget.release(0, 9)],
      [/^torrent 0 released -1 bytes but holds 8$/, () => budget.release(0, -1)],
      [/^torrent 7 released 1 bytes but holds 0$/, () => budget.release(7, 1)],
      [/^torrent 0 is already/, () => budget.register(0, { pieceLengthBytes: 8 })],
      [/^torrent 0 wants 9 bytes for a piece of at most 8$/, () => budget.tryCommit(0, 9)],
      [/^torrent 0 wants 0 bytes/, () => budget.tryCommit(0, 0)],
      [/^torrent 0 wants -1 bytes/, () => budget.tryCommit(0, -1)],
    ];
    for (const [message, call] of broken) {
      expect(call).to.throw(MillraceError, message).with.property('code', 'unexpected');
    }
    expect(budget.committedBytes).to.equal(8);
  });

  it('knows nothing of a torrent that was never registered', () => {
    const budget = budgetOf(64, []);
    budget.unregister(7);
    budget.setActive(7, true);
    expect(budget.tryCommit(7, 1)).to.be.false;
    expect(budget.committedOf(7)).to.equal(0);
  });

  it('never exceeds the limit, keeps its books, and gets everything back (property)', () => {
    const step = fc.record({
      torrent: fc.nat(4),
      action: fc.constantFrom('commit', 'commit', 'commit', 'short', 'release', 'toggle'),
      pick: fc.nat(),
    });
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 32 }), { minLength: 5, maxLength: 5 }),
        fc.array(step, { maxLength: 200, size: 'max' }),
        (pieces, steps) => {
          const budget = budgetOf(64, pieces);
          const held: number[][] = pieces.map(() => []);
          const active = pieces.map(() => true);
          for (const { torrent, action, pick } of steps) {
            const piece = pieces[torrent] ?? 0;
            const mine = held[torrent] ?? [];
            if (action === 'release') {
              if (mine.length === 0) continue;
              const [bytes = 0] = mine.splice(pick % mine.length, 1);
              budget.release(torrent, bytes);
            } else if (action === 'toggle') {
              active[torrent] = !(active[torrent] ?? false);
              budget.setActive(torrent, active[torrent] ?? false);
            } else {
              const bytes = action === 'short' ? 1 + (pick % piece) : piece;
              if (budget.tryCommit(torrent, bytes)) mine.push(bytes);
            }
            const total = held.flat().reduce((sum, bytes) => sum + bytes, 0);
            expect(budget.committedBytes).to.equal(total);
            expect(total).to.be.at.most(64);
            expect(budget.limitBytes).to.equal(64);
          }
          held.forEach((mine, torrent) => {
            for (const bytes of mine) budget.release(torrent, bytes);
            budget.unregister(torrent);
          });
          expect(budget.committedBytes).to.equal(0);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('follows its four rules, whichever torrents come, pause and go (property)', () => {
    const step = fc.record({
      torrent: fc.nat(4),
      action: fc.constantFrom(
        ...['commit', 'commit', 'commit', 'commit', 'short', 'release', 'release', 'toggle'],
        ...['register', 'unregister'],
      ),
      pick: fc.nat(),
      piece: fc.integer({ min: 1, max: 40 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150, size: 'max' }), (steps) => {
        const budget = new MemoryBudget({ limitBytes: 48, maxBytes: 80 });
        const rules = new Rules(48);
        for (const { torrent, action, pick, piece } of steps) {
          const one = rules.torrents.get(torrent);
          if (action === 'register') {
            if (one !== undefined) continue;
            expect(budget.register(torrent, { pieceLengthBytes: piece })).to.deep.equal(
              rules.register(torrent, piece),
            );
          } else if (action === 'unregister') {
            budget.unregister(torrent);
            rules.unregister(torrent);
          } else if (action === 'toggle') {
            const active = pick % 4 !== 0;
            budget.setActive(torrent, active);
            rules.setActive(torrent, active);
          } else if (action === 'release') {
            const bytes = Math.min(one?.held ?? 0, 1 + (pick % 40));
            if (one === undefined) continue;
            budget.release(torrent, bytes);
            rules.release(torrent, bytes);
          } else {
            const longest = one?.piece ?? 1;
            const bytes = action === 'short' ? 1 + (pick % longest) : longest;
            expect(budget.tryCommit(torrent, bytes)).to.equal(rules.tryCommit(torrent, bytes));
          }
          expect(budget.committedOf(torrent)).to.equal(rules.torrents.get(torrent)?.held ?? 0);
          expect(budget.committedBytes).to.equal(rules.held);
          expect(budget.limitBytes).to.equal(Math.max(rules.limit, rules.held));
        }
      }),
      { numRuns: 500 },
    );
  });

  it('starves no torrent: one below its share gets a piece within one round each (property)', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 32 }), { minLength: 2, maxLength: 12 }),
        fc.array(fc.nat(11), { maxLength: 60 }),
        fc.nat(11),
        (pieces, prelude, chosen) => {
          const budget = budgetOf(64, pieces);
          const held: number[] = pieces.map(() => 0);
          const commit = (torrent: number): boolean => {
            const piece = pieces[torrent] ?? 0;
            if (!budget.tryCommit(torrent, piece)) return false;
            held[torrent] = (held[torrent] ?? 0) + piece;
            return true;
          };
          for (const pick of prelude) commit(pick % pieces.length);
          const poor = chosen % pieces.length;
          budget.release(poor, held[poor] ?? 0);
          held[poor] = 0;

          // Greedy others: each releases all it has and grabs all it can, always before the poor
          // one.
          let served = commit(poor);
          for (let round = 0; round <= pieces.length && !served; round++) {
            for (let other = 0; other < pieces.length; other++) {
              if (other === poor) continue;
              budget.release(other, held[other] ?? 0);
              held[other] = 0;
              while (commit(other));
            }
            served = commit(poor);
          }
          expect(served).to.be.true;
        },
      ),
      { numRuns: 200 },
    );
  });
});
