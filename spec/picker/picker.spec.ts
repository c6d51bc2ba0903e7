import { expect } from 'chai';
import fc from 'fast-check';
import { Bitfield } from '../../lib/bytes/bitfield';
import { MillraceError } from '../../lib/errors/millrace-error';
import { PiecePicker } from '../../lib/picker/picker';

/** A small reproducible generator (mulberry32): the picker takes its randomness from outside. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function bitsOf(length: number, pieces: Iterable<number>): Bitfield {
  const bits = new Bitfield(length);
  for (const piece of pieces) bits.set(piece);
  return bits;
}

const piecesOf = (bits: Bitfield): number[] =>
  [...new Array<number>(bits.length).keys()].filter((piece) => bits.get(piece));
const addAll = (picker: PiecePicker, bits: Bitfield): void =>
  piecesOf(bits).forEach((piece) => picker.addHave(piece));
const removeAll = (picker: PiecePicker, bits: Bitfield): void =>
  piecesOf(bits).forEach((piece) => picker.removeHave(piece));

/** The picker as one would explain it. */
class Model {
  readonly peers: Set<number>[] = [];
  seeds = 0;
  readonly pieceCount: number;
  readonly wanted: boolean[];
  readonly active: boolean[];
  readonly have: boolean[];

  constructor(pieceCount: number) {
    this.pieceCount = pieceCount;
    this.wanted = new Array<boolean>(pieceCount).fill(true);
    this.active = new Array<boolean>(pieceCount).fill(false);
    this.have = new Array<boolean>(pieceCount).fill(false);
  }

  availability(piece: number): number {
    return this.seeds + this.peers.filter((peer) => peer.has(piece)).length;
  }

  idle(): number[] {
    return [...this.wanted.keys()].filter(
      (piece) => this.wanted[piece] && !this.active[piece] && !this.have[piece],
    );
  }

  remaining(): number {
    return this.wanted.filter((wanted, piece) => wanted && !this.have[piece]).length;
  }

  /** Every answer that `pick` may give. */
  rarest(peerHas: Set<number> | 'all'): number[] {
    const choices = this.idle().filter((piece) => peerHas === 'all' || peerHas.has(piece));
    const least = Math.min(...choices.map((piece) => this.availability(piece)));
    const rarest = choices.filter((piece) => this.availability(piece) === least);
    return rarest.length === 0 ? [-1] : rarest;
  }
}

type Step = readonly [kind: number, a: number, b: readonly number[]];

function take(step: Step, picker: PiecePicker, model: Model): void {
  const { pieceCount } = model;
  const [kind, a, list] = step;
  const piece = a % pieceCount;
  const peer = model.peers[a % Math.max(1, model.peers.length)];
  switch (kind) {
    case 0:
      picker.addSeed();
      model.seeds += 1;
      return;
    case 1:
      if (model.seeds === 0) return;
      picker.removeSeed();
      model.seeds -= 1;
      return;
    case 2: {
      const has = new Set(list.map((n) => n % pieceCount));
      addAll(picker, bitsOf(pieceCount, has));
      model.peers.push(has);
      return;
    }
    case 3:
      if (peer === undefined) return;
      removeAll(picker, bitsOf(pieceCount, peer));
      model.peers.splice(model.peers.indexOf(peer), 1);
      return;
    case 4:
      if (peer === undefined) return;
      for (const n of list) {
        if (peer.has(n % pieceCount)) continue;
        picker.addHave(n % pieceCount);
        peer.add(n % pieceCount);
      }
      return;
    case 5:
      picker.setWanted(piece, list.length % 3 > 0);
      model.wanted[piece] = list.length % 3 > 0;
      return;
    case 6:
      picker.markActive(piece);
      model.active[piece] = true;
      return;
    case 7:
      picker.markIdle(piece);
      model.active[piece] = false;
      return;
    case 8:
      picker.markHave(piece);
      model.have[piece] = true;
      model.active[piece] = false;
      return;
    default:
      picker.markMissing(piece);
      model.have[piece] = false;
  }
}

const FEW_PIECES = 12;

describe('piece picker', () => {
  it('answers as the naive model does, whatever happens', () => {
    const step = fc.tuple(
      fc.integer({ min: 0, max: 9 }),
      fc.nat(1000),
      fc.array(fc.nat(1000), { maxLength: 40 }),
    );
    fc.assert(
      fc.property(
        // Mostly few pieces, so that what is done to one is often undone.
        fc.oneof(
          { weight: 3, arbitrary: fc.integer({ min: 1, max: FEW_PIECES }) },
          { weight: 1, arbitrary: fc.integer({ min: 1, max: 400 }) },
        ),
        fc.array(step, { maxLength: 60, size: 'max' }),
        fc.integer(),
        (pieceCount, steps, seed) => {
          const random = randomFrom(seed);
          const picker = new PiecePicker({ pieceCount, random });
          const model = new Model(pieceCount);
          for (const one of steps) {
            take(one, picker, model);
            expect(picker.idle).to.equal(model.idle().length);
            expect(picker.remaining).to.equal(model.remaining());
            const asker = new Set(one[2].map((n) => n % pieceCount));
            expect(picker.pick(bitsOf(pieceCount, asker))).to.be.oneOf(model.rarest(asker));
            expect(picker.pick('all')).to.be.oneOf(model.rarest('all'));
          }
          for (let piece = 0; piece < pieceCount; piece += 1) {
            expect(picker.availability(piece)).to.equal(model.availability(piece));
            expect(picker.isWanted(piece)).to.equal(model.wanted[piece]);
          }
          if (pieceCount > FEW_PIECES) return;
          for (let left = picker.idle; left > 0; left -= 1) {
            const piece = picker.pick('all');
            expect(piece).to.be.oneOf(model.rarest('all'));
            picker.markActive(piece);
            model.active[piece] = true;
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it('hands out every piece once, rarest first', () => {
    const pieceCount = 500;
    const picker = new PiecePicker({ pieceCount, random: randomFrom(1) });
    for (let peer = 1; peer <= 4; peer += 1) {
      const pieces = [...new Array<number>(pieceCount).keys()].filter((n) => n % 5 >= peer);
      addAll(picker, bitsOf(pieceCount, pieces));
    }
    const seen = new Set<number>();
    let last = 0;
    for (let piece = picker.pick('all'); piece !== -1; piece = picker.pick('all')) {
      expect(seen.has(piece)).to.equal(false);
      seen.add(piece);
      expect(picker.availability(piece)).to.be.at.least(last);
      last = picker.availability(piece);
      picker.markActive(piece);
    }
    expect(seen.size).to.equal(pieceCount);
    expect(picker.idle).to.equal(0);
    expect(picker.remaining).to.equal(pieceCount);
  });

  it('keeps the order where pieces have as many different numbers of holders as there are pieces', () => {
    const pieceCount = 40;
    const picker = new PiecePicker({ pieceCount, random: randomFrom(5) });
    for (let peer = 1; peer < pieceCount; peer += 1) {
      addAll(picker, bitsOf(pieceCount, [...new Array<number>(peer).keys()]));
    }
    for (let piece = pieceCount - 1; piece >= 0; piece -= 1) {
      expect(picker.pick('all')).to.equal(piece);
      picker.markActive(piece);
    }
    for (let piece = 0; piece < pieceCount; piece += 1) picker.markIdle(piece);
    expect(picker.pick('all')).to.equal(pieceCount - 1);
  });

  it('finds the rarest of what a poor peer has, wherever it stands', () => {
    const pieceCount = 10_000;
    const picker = new PiecePicker({ pieceCount, random: randomFrom(6) });
    const has = [100, 5_000, 9_000];
    for (const [piece, holders] of [
      [100, 2],
      [5_000, 1],
      [9_000, 3],
    ] as const) {
      for (let peer = 0; peer < holders; peer += 1) picker.addHave(piece);
    }
    expect(picker.pick(bitsOf(pieceCount, has))).to.equal(5_000);
  });

  it('finds the one piece that a poor peer has, past any prefix of the order', () => {
    const pieceCount = 10_000;
    const picker = new PiecePicker({ pieceCount, random: randomFrom(2) });
    for (const piece of [0, 7, 8, 4321, pieceCount - 1]) {
      picker.addHave(piece); // the commonest of all, so the last in the order
      expect(picker.pick(bitsOf(pieceCount, [piece]))).to.equal(piece);
    }
    expect(picker.pick(new Bitfield(pieceCount))).to.equal(-1);
  });

  // Pearson's chi-squared over the first picks of many pickers. For 9 degrees of freedom 27.9 is
  // passed by chance once in a thousand; the generator is seeded, so the figure is the same always.
  const chiSquared = (arrange: (picker: PiecePicker) => void, pieces: number[]): number => {
    const rounds = 2000;
    const counts = new Map<number, number>(pieces.map((piece) => [piece, 0]));
    for (let round = 0; round < rounds; round += 1) {
      const picker = new PiecePicker({ pieceCount: 20, random: randomFrom(round * 7919) });
      arrange(picker);
      const piece = picker.pick('all');
      counts.set(piece, (counts.get(piece) ?? -rounds) + 1);
    }
    const expected = rounds / pieces.length;
    return [...counts.values()].reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
  };
  const even = [0, 2, 4, 6, 8, 10, 12, 14, 16, 18];
  const odd = even.map((piece) => piece + 1);

  it('starts with a random piece', () => {
    const leaveEven = (picker: PiecePicker) => odd.forEach((piece) => picker.markHave(piece));
    expect(chiSquared(leaveEven, even)).to.be.below(27.9);
  });

  it('breaks ties at random however the pieces came to be equally rare', () => {
    const all = bitsOf(20, [...even, ...odd]);
    const viaBits = (picker: PiecePicker) => {
      addAll(picker, all);
      addAll(picker, bitsOf(20, odd));
      addAll(picker, all);
      removeAll(picker, all);
    };
    expect(chiSquared(viaBits, even)).to.be.below(27.9);
    const viaReturn = (picker: PiecePicker) => {
      addAll(picker, bitsOf(20, odd));
      even.forEach((piece) => picker.markActive(piece));
      even.forEach((piece) => picker.markIdle(piece));
    };
    expect(chiSquared(viaReturn, even)).to.be.below(27.9);
  });

  it('refuses to count what was never there', () => {
    const picker = new PiecePicker({ pieceCount: 8, random: randomFrom(3) });
    const broken: [string, () => void][] = [
      ['a seed was taken from a peer that never had it', () => picker.removeSeed()],
      ['piece 1 was taken from a peer that never had it', () => picker.removeHave(1)],
      ['piece 8 is not in a torrent of 8', () => picker.markHave(8)],
      ['piece -1 is not in a torrent of 8', () => picker.addHave(-1)],
    ];
    for (const [message, call] of broken) {
      expect(call).to.throw(MillraceError, message).with.property('code', 'unexpected');
    }
    expect(picker.idle).to.equal(8);
  });

  it('has nothing to pick in a torrent without pieces', () => {
    const picker = new PiecePicker({ pieceCount: 0, random: randomFrom(4) });
    expect(picker.pick('all')).to.equal(-1);
    expect(picker.remaining).to.equal(0);
  });
});
