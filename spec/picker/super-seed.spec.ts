import { expect } from 'chai';
import fc from 'fast-check';
import { SuperSeed } from '../../lib/picker/super-seed';
import { seededRandom } from '../support/sim-torrent';

const MIB = 1024 * 1024;

/** A super-seed, and what its peers have. */
class Stage {
  readonly seed: SuperSeed;
  readonly pieceCount: number;
  readonly has = new Map<number, Set<number>>();
  readonly tookMs = new Map<number, number>();
  /** The pieces that were shown to each peer, in order. */
  readonly reveals: [peer: number, piece: number][] = [];
  nowMs = 1_000;

  constructor(pieceCount: number, pieceLengthBytes = MIB) {
    this.pieceCount = pieceCount;
    this.seed = new SuperSeed({
      pieceCount,
      pieceLengthBytes,
      copiesOf: (piece) => [...this.has.values()].filter((pieces) => pieces.has(piece)).length,
      random: () => 0,
    });
  }

  join(id: number, pieces: readonly number[] = []): void {
    const has = new Set(pieces);
    const { tookMs } = this;
    this.has.set(id, has);
    this.seed.join({
      id,
      has: (piece) => has.has(piece),
      get lastTookMs() {
        return tookMs.get(id) ?? 0;
      },
    });
    this.seed.announcedMany(id, (piece) => has.has(piece), this.nowMs);
  }

  leave(id: number): void {
    this.has.delete(id);
    this.seed.leave(id);
  }

  gets(id: number, piece: number): void {
    this.has.get(id)?.add(piece);
    this.seed.announced(id, piece, this.nowMs);
  }

  /** What is shown now, as lists of pieces by peer. */
  next(): Record<number, number[]> {
    const shown: Record<number, number[]> = {};
    for (const { peer, piece } of this.seed.next(this.nowMs)) {
      (shown[peer] ??= []).push(piece);
      this.reveals.push([peer, piece]);
    }
    return shown;
  }

  pass(ms: number): void {
    this.nowMs += ms;
    this.seed.endLate(this.nowMs);
  }
}

describe('super-seed (BEP 16)', () => {
  it('shows each peer two pieces that no other has or was shown', () => {
    const stage = new Stage(100);
    stage.join(1);
    stage.join(2, [2, 5]);
    stage.join(3);
    expect(stage.next()).to.deep.equal({ 1: [0, 1], 2: [3, 4], 3: [6, 7] });
    expect(stage.next()).to.deep.equal({});
  });

  it('shows more of small pieces, 1 MiB but 16 at most', () => {
    const shown = (pieceLengthBytes: number): number => {
      const stage = new Stage(100, pieceLengthBytes);
      stage.join(1);
      return stage.next()[1]?.length ?? 0;
    };
    expect([16_384, 131_072, MIB, 4 * MIB].map(shown)).to.deep.equal([16, 8, 2, 2]);
  });

  it('shows the next one when another peer has the former, not when the peer itself has it', () => {
    const stage = new Stage(100);
    stage.join(1);
    stage.join(2);
    expect(stage.next()).to.deep.equal({ 1: [0, 1], 2: [2, 3] });
    stage.gets(1, 0);
    expect(stage.next()).to.deep.equal({});
    stage.gets(2, 0);
    expect(stage.next()).to.deep.equal({ 1: [4] });
    // Another had it first, from elsewhere.
    stage.gets(1, 2);
    expect(stage.next()).to.deep.equal({ 2: [5] });
    stage.gets(2, 3);
    stage.gets(1, 3);
    expect(stage.next()).to.deep.equal({ 2: [6] });
  });

  it('examines pieces for a peer that may be shown none once a tick, not with each announcement', () => {
    const stage = new Stage(4);
    for (let id = 1; id <= 30; id++) stage.join(id);
    expect(Object.keys(stage.next()), 'two peers got all four pieces').to.have.length(2);
    let examined = 0;
    const has = (): boolean => {
      examined++;
      return false;
    };
    const announcing = (): number => {
      const before = examined;
      stage.gets(5, 0);
      stage.next();
      return examined - before;
    };
    stage.seed.join({ id: 99, has, lastTookMs: 0 });
    stage.seed.announcedMany(99, () => false, stage.nowMs);
    expect(announcing()).to.equal(4);
    expect(announcing()).to.equal(0);
    stage.pass(250);
    expect(announcing()).to.equal(4);
  });

  it('shows the only peer one piece after the other', () => {
    const stage = new Stage(4);
    stage.join(1);
    expect(stage.next()).to.deep.equal({ 1: [0, 1] });
    stage.gets(1, 1);
    expect(stage.next()).to.deep.equal({ 1: [2] });
    stage.gets(1, 0);
    stage.gets(1, 2);
    expect(stage.next()).to.deep.equal({ 1: [3] });
    stage.gets(1, 3);
    expect(stage.next()).to.deep.equal({});
  });

  it('goes on with a peer that is left alone', () => {
    const stage = new Stage(100);
    stage.join(1);
    stage.join(2);
    stage.next();
    stage.gets(1, 0);
    stage.leave(2);
    stage.pass(250);
    expect(stage.next()).to.deep.equal({ 1: [4] });
  });

  it('shows another after a minute to a peer whose piece does not spread', () => {
    const stage = new Stage(100);
    stage.join(1);
    stage.join(2);
    stage.next();
    stage.gets(1, 0);
    stage.pass(59_000);
    expect(stage.next()).to.deep.equal({});
    stage.pass(1_000);
    expect(stage.next()).to.deep.equal({ 1: [4] });
  });

  it('shows a piece to another if its peer leaves, or takes nothing for a minute', () => {
    const stage = new Stage(2);
    stage.join(1);
    expect(stage.next()).to.deep.equal({ 1: [0, 1] });
    stage.join(2);
    expect(stage.next()).to.deep.equal({});
    stage.tookMs.set(1, 11_000);
    stage.pass(60_000);
    expect(stage.next()).to.deep.equal({});
    stage.pass(10_000);
    expect(stage.next()).to.deep.equal({ 2: [0, 1] });
    const other = new Stage(2);
    other.join(1);
    other.next();
    other.join(2);
    other.leave(1);
    expect(other.next()).to.deep.equal({ 2: [0, 1] });
  });

  it('shows a peer that announces no pieces the first ones on the next tick', () => {
    const stage = new Stage(9);
    stage.seed.join({ id: 7, has: () => false, lastTookMs: 0 });
    expect(stage.next()).to.deep.equal({});
    stage.pass(250);
    expect(stage.next()).to.deep.equal({ 7: [0, 1] });
  });

  it('is over when the others have every piece twice, complete peers that left included', () => {
    const stage = new Stage(3);
    expect(stage.seed.isOver).to.equal(false);
    stage.join(1, [0, 1, 2]);
    stage.join(2, [0, 1]);
    expect(stage.seed.isOver).to.equal(false);
    stage.gets(2, 2);
    expect(stage.seed.isOver).to.equal(true);
    stage.leave(2);
    expect(stage.seed.isOver).to.equal(false);
    stage.seed.noteComplete('a');
    expect(stage.seed.isOver).to.equal(true);
    const other = new Stage(3);
    other.seed.noteComplete('a');
    other.seed.noteComplete('a');
    expect(other.seed.isOver, 'the same one again').to.equal(false);
    other.seed.noteComplete('b');
    expect(other.seed.isOver).to.equal(true);
  });

  it('shows all pieces of a long torrent, and each once before any a second time', () => {
    const stage = new Stage(5_000);
    stage.join(1);
    for (let shown = 2; shown <= 5_000; shown += 2)
      for (const piece of stage.next()[1] ?? []) stage.gets(1, piece);
    expect(new Set(stage.reveals.map(([, piece]) => piece)).size).to.equal(5_000);
    expect(stage.reveals).to.have.length(5_000);
  });

  it('ends, and shows each piece about once before there is a copy of all, however peers come, go and trade (property)', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 8 }),
        fc.nat(),
        (pieceCount, peers, seed) => {
          const random = seededRandom(seed);
          const stage = new Stage(pieceCount);
          const shown = new Map<number, Set<number>>();
          for (let id = 0; id < peers; id++) {
            stage.join(id);
            shown.set(id, new Set());
          }
          const firstCopy = (): boolean =>
            [...Array(pieceCount).keys()].every((piece) =>
              [...stage.has.values()].some((pieces) => pieces.has(piece)),
            );
          let before = 0;
          for (let step = 0; step < 4_000 && !stage.seed.isOver; step++) {
            for (const [peer, pieces] of Object.entries(stage.next()))
              for (const piece of pieces) shown.get(Number(peer))?.add(piece);
            if (!firstCopy()) before = stage.reveals.length;
            const id = Math.floor(random() * peers);
            const wanted = [...(shown.get(id) ?? [])].filter((p) => !stage.has.get(id)?.has(p));
            const [fromSeed] = wanted;
            if (fromSeed !== undefined && random() < 0.5) {
              stage.tookMs.set(id, stage.nowMs);
              stage.gets(id, fromSeed);
            } else {
              const other = stage.has.get(Math.floor(random() * peers));
              const piece = [...(other ?? [])].find((p) => !stage.has.get(id)?.has(p));
              if (piece !== undefined) stage.gets(id, piece);
            }
            const full = stage.has.get(id)?.size === pieceCount;
            if (full) stage.seed.noteComplete(`peer ${id}`);
            stage.pass(250);
          }
          const sole = peers === 1 && stage.has.get(0)?.size === pieceCount;
          expect(stage.seed.isOver || sole).to.equal(true);
          expect(before).to.be.at.most(pieceCount);
        },
      ),
      { numRuns: 100 },
    );
  });
});
