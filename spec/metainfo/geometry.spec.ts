// Piece and block arithmetic.
import { expect } from 'chai';
import { BLOCK_LENGTH_BYTES } from '../../lib/bytes/lengths';
import { Geometry } from '../../lib/metainfo/geometry';

function geometryOf(pieceLengthBytes: number, totalLengthBytes: number): Geometry {
  const pieceCount = Math.ceil(totalLengthBytes / pieceLengthBytes);
  return new Geometry({ pieceLengthBytes, totalLengthBytes, pieceCount });
}

describe('Geometry', () => {
  it("the seed's lessons: a piece of 33,119 bytes has blocks at 0, 16384 and 32768, 351 bytes last", () => {
    const geometry = geometryOf(33_119, 33_119 * 2);
    expect(geometry.blockCount(1)).to.equal(3);
    const begins = [0, 1, 2].map((block) => block * BLOCK_LENGTH_BYTES);
    expect(begins).to.deep.equal([0, 16_384, 32_768]);
    expect([0, 1, 2].map((block) => geometry.blockLengthBytes(1, block))).to.deep.equal([
      16_384, 16_384, 351,
    ]);
    expect(() => geometry.blockLengthBytes(1, 3)).to.throw('block 3 is outside 0 … 2');
  });

  it('shortens the last piece, and not when it is whole', () => {
    const short = geometryOf(32_768, 100_000);
    expect(short.pieceLengthBytes(2)).to.equal(32_768);
    expect(short.pieceLengthBytes(3)).to.equal(100_000 - 3 * 32_768);
    expect(short.blockCount(3)).to.equal(1);
    expect(geometryOf(32_768, 65_536).pieceLengthBytes(1)).to.equal(32_768);
  });

  it('refuses indexes outside, and a count of pieces that does not fit', () => {
    const geometry = geometryOf(16_384, 40_000);
    for (const piece of [-1, 3, NaN]) {
      expect(() => geometry.pieceLengthBytes(piece)).to.throw(/piece .* is outside 0 … 2/);
    }
    for (const block of [-1, NaN]) expect(() => geometry.blockLengthBytes(0, block)).to.throw();
    const shape = { pieceLengthBytes: 4, totalLengthBytes: 9, pieceCount: 2 };
    expect(() => new Geometry(shape)).to.throw('are not 2 pieces');
  });

  it('is exact at the far end of a torrent near 2^53 bytes', () => {
    const pieceLengthBytes = 2 ** 33;
    const geometry = geometryOf(pieceLengthBytes, Number.MAX_SAFE_INTEGER);
    const last = geometry.pieceCount - 1;
    expect(geometry.pieceLengthBytes(last)).to.equal(pieceLengthBytes - 1);
  });
});
