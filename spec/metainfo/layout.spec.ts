// Where pieces and other runs of bytes are stored, against a naive walk over every byte.
import { expect } from 'chai';
import fc from 'fast-check';
import { Layout } from '../../lib/metainfo/layout';

/** Files f0, f1 …; `padding`: zeros before each of them, and after the last. */
function layoutOf(
  pieceLengthBytes: number,
  lengths: readonly number[],
  padding: readonly number[] = [],
): Layout {
  let totalLengthBytes = padding[lengths.length] ?? 0;
  const files = lengths.map((lengthBytes, index) => {
    const paddingBytes = padding[index] ?? 0;
    totalLengthBytes += paddingBytes + lengthBytes;
    return { path: `f${index}`, lengthBytes, ...(paddingBytes > 0 && { paddingBytes }) };
  });
  const pieceCount = Math.ceil(totalLengthBytes / pieceLengthBytes);
  return new Layout({ pieceLengthBytes, totalLengthBytes, pieceCount, files });
}

describe('Layout', () => {
  it('spans the files of a piece and skips the empty ones', () => {
    const layout = layoutOf(10, [0, 4, 0, 0, 3, 20, 0]);
    expect(layout.spansOfPiece(0)).to.deep.equal([
      { path: 'f1', offsetBytes: 0, lengthBytes: 4 },
      { path: 'f4', offsetBytes: 0, lengthBytes: 3 },
      { path: 'f5', offsetBytes: 0, lengthBytes: 3 },
    ]);
    expect(layout.spansOfPiece(1)).to.deep.equal([{ path: 'f5', offsetBytes: 3, lengthBytes: 10 }]);
    expect(layout.spansOfPiece(2)).to.deep.equal([{ path: 'f5', offsetBytes: 13, lengthBytes: 7 }]);
    expect(layout.piecesOfFile(0)).to.deep.equal({ first: 0, end: 0 });
    expect(layout.piecesOfFile(5)).to.deep.equal({ first: 0, end: 3 });
    expect(layoutOf(10, [0]).pieceCount).to.equal(0);
  });

  it('has spans of padding before, between and after files', () => {
    const layout = layoutOf(10, [4, 3], [2, 5, 17]);
    expect([0, 1, 2, 3].map((piece) => layout.spansOfPiece(piece))).to.deep.equal([
      [
        { path: undefined, offsetBytes: 0, lengthBytes: 2 },
        { path: 'f0', offsetBytes: 0, lengthBytes: 4 },
        { path: undefined, offsetBytes: 0, lengthBytes: 4 },
      ],
      [
        { path: undefined, offsetBytes: 0, lengthBytes: 1 },
        { path: 'f1', offsetBytes: 0, lengthBytes: 3 },
        { path: undefined, offsetBytes: 0, lengthBytes: 6 },
      ],
      [{ path: undefined, offsetBytes: 0, lengthBytes: 10 }],
      [{ path: undefined, offsetBytes: 0, lengthBytes: 1 }],
    ]);
    expect([0, 1, 2, 3].map((piece) => layout.contentBytes(piece))).to.deep.equal([4, 3, 0, 0]);
    expect(layoutOf(10, [25]).contentBytes(2)).to.equal(5);
    expect(layoutOf(10, [], [25]).spansOfPiece(2)).to.deep.equal([
      { path: undefined, offsetBytes: 0, lengthBytes: 5 },
    ]);
  });

  it('knows the blocks of nothing but padding', () => {
    const block = 16_384;
    fc.assert(
      fc.property(
        fc.integer({ min: 1_000, max: 6 * block }),
        fc.array(fc.oneof(fc.constant(0), fc.nat(3 * block)), { maxLength: 6 }),
        fc.array(fc.oneof(fc.constant(0), fc.nat(4 * block)), { maxLength: 7 }),
        (pieceLengthBytes, lengths, padding) => {
          const layout = layoutOf(pieceLengthBytes, lengths, padding);
          const { geometry } = layout;
          for (let piece = 0; piece < layout.pieceCount; piece++) {
            const expected: number[] = [];
            for (let at = 0; at < geometry.blockCount(piece); at++) {
              const start = piece * pieceLengthBytes + at * block;
              const spans = layout.spans(start, geometry.blockLengthBytes(piece, at));
              if (spans.every(({ path }) => path === undefined)) expected.push(at);
            }
            expect(layout.paddingBlocks(piece)).to.deep.equal(expected);
          }
        },
      ),
      { numRuns: 200 },
    );
    // Padding on both sides of an empty file is one run.
    const around = layoutOf(32_768, [5_000, 0], [0, 20_000, 7_768]);
    expect(around.spansOfPiece(0)).to.have.length(2);
    expect(around.paddingBlocks(0)).to.deep.equal([1]);
  });

  it('refuses pieces, files and bytes outside', () => {
    const layout = layoutOf(16_384, [40_000]);
    for (const piece of [-1, 3, NaN])
      expect(() => layout.spansOfPiece(piece)).to.throw(/piece .* is outside/);
    expect(() => layout.piecesOfFile(1)).to.throw('file 1 is outside');
    for (const [start, length] of [
      [-1, 1],
      [39_999, 2],
      [NaN, 1],
    ] as const)
      expect(() => layout.spans(start, length)).to.throw('are outside the torrent');
    expect(layout.spans(39_999, 1)).to.deep.equal([
      { path: 'f0', offsetBytes: 39_999, lengthBytes: 1 },
    ]);
    expect(layout.spans(40_000, 0)).to.deep.equal([]);
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
          const layout = layoutOf(pieceLengthBytes, lengthsBytes, paddingBytes);
          const zeros = (index: number): string[] =>
            Array.from({ length: paddingBytes[index] ?? 0 }, () => 'zero');
          const bytes = lengthsBytes.flatMap((length, file) => [
            ...zeros(file),
            ...Array.from({ length }, (_, offset) => `f${file}:${offset}`),
          ]);
          bytes.push(...zeros(lengthsBytes.length));
          let pieceStart = 0;
          const piecesOf = lengthsBytes.map(() => new Set<number>());
          for (let piece = 0; piece < layout.pieceCount; piece++) {
            const length = layout.geometry.pieceLengthBytes(piece);
            const spans = layout.spansOfPiece(piece);
            const stored = spans.filter(({ path }) => path !== undefined);
            expect(layout.pathsOfPiece(piece)).to.deep.equal(stored.map(({ path }) => path));
            const walked = spans.flatMap((span) => {
              if (span.path !== undefined) piecesOf[Number(span.path.slice(1))]?.add(piece);
              return Array.from({ length: span.lengthBytes }, (_, at) =>
                span.path === undefined ? 'zero' : `${span.path}:${span.offsetBytes + at}`,
              );
            });
            expect(layout.contentBytes(piece)).to.equal(
              walked.filter((byte) => byte !== 'zero').length,
            );
            expect(walked).to.deep.equal(bytes.slice(pieceStart, pieceStart + length));
            expect(spans.every((span) => span.lengthBytes > 0)).to.equal(true);
            pieceStart += length;
          }
          expect(pieceStart).to.equal(bytes.length);
          piecesOf.forEach((pieces, file) => {
            const { first, end } = layout.piecesOfFile(file);
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
    const layout = layoutOf(pieceLengthBytes, [total - 5, 5]);
    const last = layout.pieceCount - 1;
    expect(layout.spansOfPiece(last)[1]).to.deep.equal({
      path: 'f1',
      offsetBytes: 0,
      lengthBytes: 5,
    });
  });
});
