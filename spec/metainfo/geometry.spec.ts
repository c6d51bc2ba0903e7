// Piece, block and file arithmetic, against a naive walk over every byte.
import { expect } from 'chai';
import fc from 'fast-check';
import { BLOCK_LENGTH_BYTES } from '../../lib/bytes/lengths';
import { Geometry } from '../../lib/metainfo/geometry';

/** `padding`: zeros before each of the files, and after the last. */
function geometryOf(
  pieceLengthBytes: number,
  lengths: readonly number[],
  padding: readonly number[] = [],
): Geometry {
  let totalLengthBytes = 0;
  const files = lengths.map((lengthBytes, index) => {
    totalLengthBytes += padding[index] ?? 0;
    const file = { lengthBytes, offsetBytes: totalLengthBytes };
    totalLengthBytes += lengthBytes;
    return file;
  });
  totalLengthBytes += padding[lengths.length] ?? 0;
  const pieceCount = Math.ceil(totalLengthBytes / pieceLengthBytes);
  return new Geometry({ pieceLengthBytes, totalLengthBytes, pieceCount, files });
}

describe('Geometry', () => {
  it("the seed's lessons: a piece of 33,119 bytes has blocks at 0, 16384 and 32768, 351 bytes last", () => {
    const geometry = geometryOf(33_119, [33_119 * 2]);
    expect(geometry.blockCount(1)).to.equal(3);
    const begins = [0, 1, 2].map((block) => block * BLOCK_LENGTH_BYTES);
    expect(begins).to.deep.equal([0, 16_384, 32_768]);
    expect([0, 1, 2].map((block) => geometry.blockLengthBytes(1, block))).to.deep.equal([
      16_384, 16_384, 351,
    ]);
    expect(() => geometry.blockLengthBytes(1, 3)).to.throw('block 3 is outside 0 … 2');
  });

  it('shortens the last piece, and not when it is whole', () => {
    const short = geometryOf(32_768, [100_000]);
    expect(short.pieceLengthBytes(2)).to.equal(32_768);
    expect(short.pieceLengthBytes(3)).to.equal(100_000 - 3 * 32_768);
    expect(short.blockCount(3)).to.equal(1);
    expect(geometryOf(32_768, [65_536]).pieceLengthBytes(1)).to.equal(32_768);
  });

  it('refuses indexes outside, and a count of pieces that does not fit', () => {
    const geometry = geometryOf(16_384, [40_000]);
    for (const piece of [-1, 3, NaN]) {
      expect(() => geometry.pieceLengthBytes(piece)).to.throw(/piece .* is outside 0 … 2/);
      expect(() => geometry.pieceSpans(piece)).to.throw(/piece .* is outside/);
    }
    for (const block of [-1, NaN]) expect(() => geometry.blockLengthBytes(0, block)).to.throw();
    expect(() => geometry.piecesOfFile(1)).to.throw('file 1 is outside');
    const shape = { pieceLengthBytes: 4, totalLengthBytes: 9, pieceCount: 2, files: [] };
    expect(() => new Geometry(shape)).to.throw('are not 2 pieces');
  });

  it('spans the files of a piece and skips the empty ones', () => {
    const geometry = geometryOf(10, [0, 4, 0, 0, 3, 20, 0]);
    expect(geometry.pieceSpans(0)).to.deep.equal([
      { file: 1, offsetBytes: 0, lengthBytes: 4 },
      { file: 4, offsetBytes: 0, lengthBytes: 3 },
      { file: 5, offsetBytes: 0, lengthBytes: 3 },
    ]);
    expect(geometry.pieceSpans(1)).to.deep.equal([{ file: 5, offsetBytes: 3, lengthBytes: 10 }]);
    expect(geometry.pieceSpans(2)).to.deep.equal([{ file: 5, offsetBytes: 13, lengthBytes: 7 }]);
    expect(geometry.piecesOfFile(0)).to.deep.equal({ first: 0, end: 0 });
    expect(geometry.piecesOfFile(5)).to.deep.equal({ first: 0, end: 3 });
    expect(geometryOf(10, [0]).pieceCount).to.equal(0);
  });

  it('has spans of padding before, between and after files', () => {
    const geometry = geometryOf(10, [4, 3], [2, 5, 17]);
    expect([0, 1, 2, 3].map((piece) => geometry.pieceSpans(piece))).to.deep.equal([
      [
        { file: undefined, offsetBytes: 0, lengthBytes: 2 },
        { file: 0, offsetBytes: 0, lengthBytes: 4 },
        { file: undefined, offsetBytes: 0, lengthBytes: 4 },
      ],
      [
        { file: undefined, offsetBytes: 0, lengthBytes: 1 },
        { file: 1, offsetBytes: 0, lengthBytes: 3 },
        { file: undefined, offsetBytes: 0, lengthBytes: 6 },
      ],
      [{ file: undefined, offsetBytes: 0, lengthBytes: 10 }],
      [{ file: undefined, offsetBytes: 0, lengthBytes: 1 }],
    ]);
    expect([0, 1, 2, 3].map((piece) => geometry.contentBytes(piece))).to.deep.equal([4, 3, 0, 0]);
    expect(geometryOf(10, [25]).contentBytes(2)).to.equal(5);
    expect(geometryOf(10, [], [25]).pieceSpans(2)).to.deep.equal([
      { file: undefined, offsetBytes: 0, lengthBytes: 5 },
    ]);
  });

  it('agrees with a walk over every byte', () => {
    const lengths = fc.array(fc.oneof(fc.constant(0), fc.nat(50)), { minLength: 1, maxLength: 20 });
    const padding = fc.oneof(fc.constant([]), fc.array(fc.nat(30), { maxLength: 21 }));
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        lengths,
        padding,
        (pieceLengthBytes, ...rest) => {
          const [lengthsBytes, paddingBytes] = rest;
          const geometry = geometryOf(pieceLengthBytes, lengthsBytes, paddingBytes);
          const zeros = (index: number): string[] =>
            Array.from({ length: paddingBytes[index] ?? 0 }, () => 'zero');
          const bytes = lengthsBytes.flatMap((length, file) => [
            ...zeros(file),
            ...Array.from({ length }, (_, offset) => `${file}:${offset}`),
          ]);
          bytes.push(...zeros(lengthsBytes.length));
          let pieceStart = 0;
          const piecesOf = lengthsBytes.map(() => new Set<number>());
          for (let piece = 0; piece < geometry.pieceCount; piece++) {
            const length = geometry.pieceLengthBytes(piece);
            const spans = geometry.pieceSpans(piece);
            const walked = spans.flatMap((span) => {
              if (span.file !== undefined) piecesOf[span.file]?.add(piece);
              return Array.from({ length: span.lengthBytes }, (_, at) =>
                span.file === undefined ? 'zero' : `${span.file}:${span.offsetBytes + at}`,
              );
            });
            expect(geometry.contentBytes(piece)).to.equal(
              walked.filter((byte) => byte !== 'zero').length,
            );
            expect(walked).to.deep.equal(bytes.slice(pieceStart, pieceStart + length));
            expect(spans.every((span) => span.lengthBytes > 0)).to.equal(true);
            pieceStart += length;
          }
          expect(pieceStart).to.equal(bytes.length);
          piecesOf.forEach((pieces, file) => {
            const { first, end } = geometry.piecesOfFile(file);
            expect(end - first).to.equal(pieces.size);
            pieces.forEach((piece) => expect(piece >= first && piece < end).to.equal(true));
          });
        },
      ),
      { numRuns: 200 },
    );
  });

  it('is exact at the far end of a torrent near 2^53 bytes', () => {
    const total = Number.MAX_SAFE_INTEGER;
    const pieceLengthBytes = 2 ** 33;
    const geometry = geometryOf(pieceLengthBytes, [total - 5, 5]);
    const last = geometry.pieceCount - 1;
    expect(geometry.pieceLengthBytes(last)).to.equal(pieceLengthBytes - 1);
    expect(geometry.pieceSpans(last)[1]).to.deep.equal({ file: 1, offsetBytes: 0, lengthBytes: 5 });
  });
});
