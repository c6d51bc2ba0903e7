import { expect } from 'chai';
import fc from 'fast-check';
import { pieceChunks, spanChunks } from '../../lib/storage/spans';

const UNIT = 16_384;

describe('storage spans', () => {
  const slab = new Uint8Array(new SharedArrayBuffer(16 * UNIT));
  for (let at = 0; at < slab.length; at++) slab[at] = (at * 31 + (at >> 8)) & 0xff;

  it('views the slab in piece order, merges neighbours and cuts the last block', () => {
    const chunks = pieceChunks(slab, [4, 2, 6, 1, 1, 1], 3 * UNIT + 351);
    expect(chunks.map((chunk) => [chunk.byteOffset, chunk.length])).to.deep.equal([
      [4 * UNIT, 3 * UNIT],
      [UNIT, 351],
    ]);
  });

  it('does not merge segments that are in order but apart, nor unit 0 with nothing', () => {
    const chunks = pieceChunks(slab, [0, 1, 2, 1], 2 * UNIT);
    expect(chunks.map((chunk) => chunk.byteOffset)).to.deep.equal([0, 2 * UNIT]);
  });

  it('has zeros where padding has no memory', () => {
    const chunks = pieceChunks(slab, [-1, 2, 0, 1, -1, 1], 3 * UNIT + 5);
    expect(chunks.map(({ length }) => length)).to.deep.equal([UNIT, UNIT, UNIT, 5]);
    expect(chunks.map((chunk) => chunk.every((byte) => byte === 0))).to.deep.equal([
      true,
      true,
      false,
      true,
    ]);
    expect(chunks[2]?.byteOffset).to.equal(0);
    expect(() => pieceChunks(slab, [-1, 1], UNIT + 1)).to.throw('1 bytes short');
  });

  it('refuses a piece whose memory or file spans do not add up', () => {
    expect(() => pieceChunks(slab, [0, 1], UNIT + 1)).to.throw('1 bytes short');
    expect(() => pieceChunks(slab, [15, 2], 2 * UNIT)).to.throw('past the end of the slab');
    const chunks = pieceChunks(slab, [0, 1], 100);
    const span = (lengthBytes: number) => ({ path: 'a', offsetBytes: 0, lengthBytes });
    expect(() => spanChunks(chunks, [span(101)])).to.throw('exceed it by 1');
    expect(() => spanChunks(chunks, [span(99)])).to.throw('do not cover');
  });

  it('gives every byte of a piece to the right span, for any cut', () => {
    const order = fc.uniqueArray(fc.integer({ min: 0, max: 15 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(
        order,
        fc.integer({ min: 1, max: UNIT }),
        fc.infiniteStream(fc.nat(40_000)),
        (units, tail, cuts) => {
          const lengthBytes = (units.length - 1) * UNIT + tail;
          const whole = Buffer.concat(
            units.map((unit) => slab.subarray(unit * UNIT, (unit + 1) * UNIT)),
          );
          const spans = [];
          for (let at = 0, file = 0; at < lengthBytes; file++) {
            const bytes = Math.min(cuts.next().value, lengthBytes - at);
            spans.push({ path: `f${file}`, offsetBytes: file, lengthBytes: bytes });
            at += bytes;
            if (file > 500) return;
          }
          const chunks = pieceChunks(
            slab,
            units.flatMap((unit) => [unit, 1]),
            lengthBytes,
          );
          let at = 0;
          for (const part of spanChunks(chunks, spans)) {
            const bytes = Buffer.concat(part.chunks);
            expect(bytes.length).to.equal(part.span.lengthBytes);
            expect(bytes.equals(whole.subarray(at, at + bytes.length))).to.equal(true);
            at += bytes.length;
          }
          expect(at).to.equal(lengthBytes);
        },
      ),
      { numRuns: 200 },
    );
  });
});
