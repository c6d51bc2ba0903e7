import { expect } from 'chai';
import fc from 'fast-check';
import { Bitfield } from '../../../lib/bytes/bitfield';
import { Possession } from '../../../lib/coordinator/pieces/possession';
import type { SyncBatch } from '../../../lib/coordinator/pieces/durability';
import { Layout } from '../../../lib/metainfo/layout';
import { seededRandom } from '../../support/sim-torrent';

const PIECES = 12;

/** Pieces of 10 bytes, the last of 5; bytes 42 to 57 are padding. */
const padded = (): Layout =>
  new Layout({
    pieceLengthBytes: 10,
    totalLengthBytes: 115,
    pieceCount: PIECES,
    files: [
      { path: 'a', lengthBytes: 42 },
      { path: 'b', lengthBytes: 57, paddingBytes: 16 },
    ],
  });

const fresh = (layout = padded()): Possession => new Possession(layout, seededRandom(1));

const bitsOf = (pieces: Iterable<number>): Bitfield => {
  const bits = new Bitfield(PIECES);
  for (const piece of pieces) bits.set(piece);
  return bits;
};

const membersOf = (bits: { get(index: number): boolean }): number[] =>
  Array.from({ length: PIECES }, (_, piece) => piece).filter((piece) => bits.get(piece));

describe('coordinator/possession', () => {
  it('distinguishes a whole torrent from one that has all wanted pieces', () => {
    const possession = fresh();
    for (let piece = 0; piece < PIECES - 1; piece++) possession.gain(piece, 0);
    expect([possession.hasAll, possession.hasAllWanted]).to.deep.equal([false, false]);
    possession.setWanted(PIECES - 1, false);
    expect([possession.hasAll, possession.hasAllWanted]).to.deep.equal([false, true]);
    expect(possession).to.include({ donePieces: 11, missingPieces: 1, missingWantedPieces: 0 });
    possession.setWanted(PIECES - 1, true);
    expect([possession.hasAll, possession.hasAllWanted]).to.deep.equal([false, false]);
    expect(possession.gain(PIECES - 1, 0)).to.equal(true);
    expect([possession.hasAll, possession.hasAllWanted]).to.deep.equal([true, true]);
  });

  it('reports whether a new piece was missing', () => {
    const possession = fresh();
    expect(possession.gain(1, 0)).to.equal(true);
    expect(possession.gain(1, 0), 'it was here').to.equal(false);
    possession.setWanted(2, false);
    expect(possession.gain(2, 0), 'it was not wanted').to.equal(false);
    expect(possession.donePieces).to.equal(2);
  });

  it('loses a piece once, and wants it again only if it is wanted', () => {
    const possession = fresh();
    possession.trust(bitsOf([3, 4]));
    possession.setWanted(4, false);
    expect([possession.lose(3), possession.lose(3), possession.lose(4)]).to.deep.equal([
      true,
      false,
      true,
    ]);
    expect([possession.lacks(3), possession.lacks(4)]).to.deep.equal([true, false]);
    expect(possession.durability.durable.isEmpty()).to.equal(true);
  });

  it('keeps a piece that is in doubt, and has it in no record until it is written anew', () => {
    const possession = fresh();
    possession.trust(bitsOf([3]));
    possession.doubt(3);
    expect(possession.have.get(3)).to.equal(true);
    expect(possession.durability.durable.get(3)).to.equal(false);
    possession.adopt(3, 0);
    const batch = possession.durability.begin();
    if (batch) possession.durability.succeeded(batch);
    expect(possession.durability.durable.get(3)).to.equal(true);
    expect(possession.donePieces).to.equal(1);
  });

  it('hands out what is new to peers once, and nothing that was lost since', () => {
    const possession = fresh();
    possession.adopt(0, 0);
    possession.trust(bitsOf([1]));
    expect(possession.hasNews, 'these are in the bitfield that peers get').to.equal(false);
    for (const piece of [2, 3, 4]) possession.gain(piece, 0);
    possession.lose(3);
    expect(possession.hasNews).to.equal(true);
    expect(possession.takeNews()).to.deep.equal([2, 4]);
    expect(possession.hasNews).to.equal(false);
    possession.gain(3, 0);
    expect(possession.takeNews()).to.deep.equal([3]);
  });

  it('shows the threads that serve the same bits', () => {
    const possession = fresh();
    possession.gain(0, 0);
    possession.gain(9, 0);
    expect([...new Uint8Array(possession.haveBuffer)]).to.deep.equal([0x80, 0x40]);
    expect(new Possession(new Layout(EMPTY), Math.random).hasAll).to.equal(true);
  });

  const piece = fc.nat(PIECES - 1);
  const step = fc.oneof(
    fc.record({ type: fc.constant('gain' as const), piece }),
    fc.record({ type: fc.constant('adopt' as const), piece }),
    fc.record({ type: fc.constant('trust' as const), piece }),
    fc.record({ type: fc.constant('lose' as const), piece }),
    fc.record({ type: fc.constant('doubt' as const), piece }),
    fc.record({ type: fc.constant('fetch' as const), piece }),
    fc.record({ type: fc.constant('want' as const), piece, wanted: fc.boolean() }),
    fc.record({ type: fc.constant('sync' as const), piece }),
    fc.record({ type: fc.constant('synced' as const), piece }),
    fc.record({ type: fc.constant('failed' as const), piece }),
  );

  it('keeps bits, counts, picker and durability in step, whatever comes and goes', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 80 }),
        fc.uint8Array({ minLength: 2 }),
        (steps, raw) => {
          const layout = padded();
          const possession = fresh(layout);
          const { durability, picker } = possession;
          const had = new Set<number>();
          const unwanted = new Set<number>();
          const active = new Set<number>();
          let syncing: SyncBatch | undefined;
          const offered = new Bitfield(
            PIECES,
            Bitfield.withoutSpareBits(raw.subarray(0, 2), PIECES),
          );
          for (const { type, piece: index, ...more } of steps) {
            const wasHad = had.has(index);
            const lacked = !wasHad && !unwanted.has(index);
            if (type === 'gain' || type === 'adopt') {
              if (type === 'adopt') possession.adopt(index, 0);
              else expect(possession.gain(index, 0)).to.equal(lacked);
              had.add(index);
              if (!wasHad) active.delete(index);
            } else if (type === 'trust') {
              possession.trust(bitsOf([index]));
              had.add(index);
              if (!wasHad) active.delete(index);
            } else if (type === 'lose') {
              expect(possession.lose(index)).to.equal(had.delete(index));
            } else if (type === 'doubt') possession.doubt(index);
            else if (type === 'fetch' && lacked) {
              picker.markActive(index);
              active.add(index);
            } else if (type === 'want') {
              const wanted = 'wanted' in more && more.wanted;
              possession.setWanted(index, wanted);
              if (wanted) unwanted.delete(index);
              else unwanted.add(index);
            } else if (type === 'sync') syncing ??= durability.begin();
            else if (type === 'synced' && syncing) {
              durability.succeeded(syncing);
              syncing = undefined;
            } else if (type === 'failed' && syncing) {
              durability.failed();
              const { pieces } = syncing;
              for (const lost of [...pieces, ...durability.discard()]) {
                possession.lose(lost);
                had.delete(lost);
              }
              durability.mend();
              syncing = undefined;
            }
            const all = Array.from({ length: PIECES }, (_, at) => at);
            const lacking = all.filter((at) => !had.has(at) && !unwanted.has(at));
            const bytes = [...had].reduce((sum, at) => sum + layout.contentBytes(at), 0);
            expect(membersOf(possession.have)).to.deep.equal([...had].sort((a, b) => a - b));
            expect(membersOf({ get: (at) => possession.lacks(at) })).to.deep.equal(lacking);
            expect(possession).to.include({
              hasAll: had.size === PIECES,
              hasAllWanted: lacking.length === 0,
              donePieces: had.size,
              doneBytes: bytes,
              missingPieces: PIECES - had.size,
              missingWantedPieces: lacking.length,
            });
            const useful = lacking.filter((at) => offered.get(at));
            expect(possession.countLacking(offered)).to.equal(useful.length);
            expect(picker.idle).to.equal(lacking.filter((at) => !active.has(at)).length);
            for (const at of membersOf(durability.durable)) expect(had).to.include(at);
          }
          expect(possession.takeNews().every((at) => had.has(at))).to.equal(true);
        },
      ),
    );
  });
});

const EMPTY = { pieceLengthBytes: 10, totalLengthBytes: 0, pieceCount: 0, files: [] };
