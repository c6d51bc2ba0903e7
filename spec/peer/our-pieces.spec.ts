// What a peer is sent of our pieces: a bitfield at first, or `have`s in parts where the content came
// later, whatever is gained meanwhile.

import { expect } from 'chai';
import fc from 'fast-check';
import { Bitfield } from '../../lib/bytes/bitfield';
import { MAX_PIECE_COUNT } from '../../lib/metainfo/limits';
import { OurPieces } from '../../lib/peer/our-pieces';
import { WireDecoder } from '../../lib/wire/decoder';
import { WireWriter } from '../../lib/wire/encoder';

/** Most bytes that may be written before the system has taken them. */
const PART_BYTES = 40_000;

/** The pieces of the `have`s that were written, in their order; throws for any other message. */
function haves(writer: WireWriter): number[] {
  const pieces: number[] = [];
  const bytes = writer.take() ?? new Uint8Array(0);
  expect(bytes.length, 'a part').to.be.at.most(PART_BYTES);
  new WireDecoder({ pieceCount: MAX_PIECE_COUNT }).feed(bytes, 0, bytes.length, {
    onMessage: (message) => {
      if (message.type !== 'have') throw new Error(`not a have: ${message.type}`);
      pieces.push(message.piece);
    },
    onBlock: () => {
      throw new Error('a block');
    },
  });
  return pieces;
}

function bitfieldOf(length: number, pieces: readonly number[] | 'all'): Bitfield {
  const bits = new Bitfield(length);
  if (pieces === 'all') bits.setAll();
  else for (const piece of pieces) bits.set(piece);
  return bits;
}

describe('peer/our-pieces', () => {
  it('are a bitfield where the content is known, and nothing where there are none', () => {
    const writer = new WireWriter();
    const ours = new OurPieces(writer, false, bitfieldOf(9, [0, 8]));
    ours.start();
    expect([...(writer.take() ?? [])]).to.deep.equal([0, 0, 0, 3, 5, 0x80, 0x80]);
    ours.gained(3);
    expect(haves(writer)).to.deep.equal([3]);
    expect(ours.areWaiting).to.equal(false);
    new OurPieces(writer, false, bitfieldOf(9, [])).start();
    new OurPieces(writer, false, undefined).start();
    expect(writer.take()).to.equal(undefined);
  });

  it('always are one message with the fast extension: all, none, or a bitfield (BEP 6)', () => {
    const first = (have: Bitfield | undefined): number[] => {
      const writer = new WireWriter();
      const ours = new OurPieces(writer, true, have);
      ours.start();
      expect(ours.areWaiting).to.equal(false);
      return [...(writer.take() ?? [])];
    };
    expect(first(bitfieldOf(9, 'all'))).to.deep.equal([0, 0, 0, 1, 14]);
    expect(first(bitfieldOf(9, []))).to.deep.equal([0, 0, 0, 1, 15]);
    expect(first(undefined)).to.deep.equal([0, 0, 0, 1, 15]);
    expect(first(bitfieldOf(9, [0, 8]))).to.deep.equal([0, 0, 0, 3, 5, 0x80, 0x80]);
  });

  it('of the longest torrent leave in parts, one after the other, each once', () => {
    const writer = new WireWriter();
    const ours = new OurPieces(writer, false, undefined);
    ours.open(bitfieldOf(MAX_PIECE_COUNT, 'all'));
    let next = 0;
    for (;;) {
      const pieces = haves(writer);
      expect([pieces[0], pieces.at(-1)]).to.deep.equal([next, next + pieces.length - 1]);
      next += pieces.length;
      if (!ours.areWaiting) break;
      ours.announceOn();
    }
    expect(next).to.equal(MAX_PIECE_COUNT);
    ours.announceOn();
    expect(writer.take()).to.equal(undefined);
  });

  it('reach the peer once each, whatever is gained before, between and after the parts (property)', () => {
    const LENGTH = 20_000;
    // Dense enough for several parts.
    const runs = fc.array(fc.tuple(fc.nat(LENGTH - 1), fc.nat(6_000)), { maxLength: 6 });
    const acts = fc.array(fc.oneof(fc.nat(LENGTH - 1), fc.constant('on' as const)), {
      maxLength: 30,
    });
    fc.assert(
      fc.property(runs, acts, fc.nat(30), (stored, steps, opensAt) => {
        const have = new Bitfield(LENGTH);
        for (const [first, count] of stored)
          for (let piece = first; piece < Math.min(LENGTH, first + count); piece++) have.set(piece);
        const writer = new WireWriter();
        const ours = new OurPieces(writer, false, undefined);
        const sent: number[] = [];
        for (const [at, step] of steps.entries()) {
          if (at === opensAt) ours.open(have);
          sent.push(...haves(writer));
          if (step === 'on') ours.announceOn();
          else if (!have.get(step)) {
            have.set(step); // As the coordinator does it: first the bit, then the order.
            ours.gained(step);
          }
          sent.push(...haves(writer));
        }
        if (opensAt >= steps.length) ours.open(have);
        for (; ours.areWaiting; ours.announceOn()) sent.push(...haves(writer));
        sent.push(...haves(writer));
        const wanted = [...Array(LENGTH).keys()].filter((piece) => have.get(piece));
        expect(sent.toSorted((a, b) => a - b)).to.deep.equal(wanted);
      }),
      { numRuns: 60 },
    );
  });

  describe('while we super-seed (BEP 16)', () => {
    it('are not announced, except those that are revealed; each once', () => {
      const writer = new WireWriter();
      const ours = new OurPieces(writer, false, bitfieldOf(9, 'all'), true);
      ours.start();
      expect(writer.take()).to.equal(undefined);
      expect(ours.onlyShown?.nextSet(0)).to.equal(-1);
      ours.reveal(4);
      ours.reveal(4);
      ours.reveal(0);
      ours.gained(5);
      expect(haves(writer)).to.deep.equal([4, 0]);
      expect([ours.onlyShown?.get(4), ours.onlyShown?.get(5)]).to.deep.equal([true, false]);
      ours.revealAll();
      expect(haves(writer)).to.deep.equal([1, 2, 3, 5, 6, 7, 8]);
      expect(ours.onlyShown).to.equal(undefined);
      ours.reveal(3);
      ours.revealAll();
      expect(writer.take()).to.equal(undefined);
    });

    it('are `have none` with the fast extension, also where the content comes later', () => {
      for (const late of [false, true]) {
        const writer = new WireWriter();
        const have = bitfieldOf(9, 'all');
        const ours = new OurPieces(writer, true, late ? undefined : have, !late);
        ours.start();
        expect([...(writer.take() ?? [])]).to.deep.equal([0, 0, 0, 1, 15]);
        if (late) ours.open(have, true);
        expect(ours.areWaiting).to.equal(false);
        ours.reveal(8);
        expect(haves(writer)).to.deep.equal([8]);
      }
    });

    it('are all announced to a session that knew them already, and none again', () => {
      const writer = new WireWriter();
      const ours = new OurPieces(writer, false, bitfieldOf(9, 'all'));
      ours.start();
      writer.take();
      ours.reveal(3);
      ours.revealAll();
      expect(writer.take()).to.equal(undefined);
      expect(ours.onlyShown).to.equal(undefined);
    });
  });
});
