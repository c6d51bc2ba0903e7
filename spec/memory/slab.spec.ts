// The slab: copies land where they should and nowhere else.

import { expect } from 'chai';
import { MillraceError } from '../../lib/errors/millrace-error';
import { Slab, UNIT_LENGTH_BYTES } from '../../lib/memory/slab';

const FULL_UNIT = UNIT_LENGTH_BYTES;

function source(lengthBytes: number): Uint8Array {
  return Uint8Array.from({ length: lengthBytes }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
}

describe('slab', () => {
  it('rounds the reserved length up to whole units', () => {
    const slab = Slab.allocate(FULL_UNIT + 1);
    expect(slab.unitCount).to.equal(2);
    expect(slab.buffer.byteLength).to.equal(2 * FULL_UNIT);
  });

  it('copies a block from any offset of the source, and touches no other unit', () => {
    const slab = Slab.allocate(3 * FULL_UNIT);
    const bytes = source(2 * FULL_UNIT);
    for (const start of [0, 1, 5, 7, 8, 13, FULL_UNIT]) {
      slab.bytes.fill(0);
      slab.copyIn(1, bytes, start, start + FULL_UNIT);
      expect(Buffer.from(slab.view(1, FULL_UNIT)).equals(bytes.subarray(start, start + FULL_UNIT)))
        .to.be.true;
      expect(slab.view(0, FULL_UNIT).every((byte) => byte === 0)).to.be.true;
      expect(slab.view(2, FULL_UNIT).every((byte) => byte === 0)).to.be.true;
    }
  });

  it('copies a short last block without repeating it over the rest of the unit', () => {
    const slab = Slab.allocate(FULL_UNIT);
    slab.copyIn(0, source(1000), 13, 13 + 351);
    expect(Buffer.from(slab.view(0, 351)).equals(source(1000).subarray(13, 13 + 351))).to.be.true;
    expect(
      slab
        .view(0, FULL_UNIT)
        .subarray(351)
        .every((byte) => byte === 0),
    ).to.be.true;
  });

  it('accepts a Buffer with an offset of its own, and an empty block', () => {
    const slab = Slab.allocate(FULL_UNIT);
    const bytes = Buffer.from(source(64)).subarray(3, 40);
    slab.copyIn(0, bytes, 2, 12);
    expect([...slab.view(0, 10)]).to.deep.equal([...source(64).subarray(5, 15)]);
    slab.copyIn(0, bytes, 4, 4);
    slab.copyIn(0, bytes, 4, 3);
    expect([...slab.view(0, 10)]).to.deep.equal([...source(64).subarray(5, 15)]);
  });

  it('refuses a block longer than a unit, past its source, or outside the slab', () => {
    const slab = Slab.allocate(2 * FULL_UNIT);
    const bytes = source(2 * FULL_UNIT);
    const refused: [number, number, number][] = [
      [0, 0, FULL_UNIT + 1],
      [0, bytes.length - 10, bytes.length + 1],
      [0, -1, 10],
      [2, 0, 10],
      [-1, 0, 10],
      [NaN, 0, 10],
    ];
    for (const [unit, start, end] of refused) {
      expect(() => slab.copyIn(unit, bytes, start, end), `${unit} ${start} ${end}`)
        .to.throw(MillraceError, /does not fit unit/)
        .with.property('code', 'unexpected');
    }
  });

  it('shows the same bytes to every holder of the buffer', () => {
    const slab = Slab.allocate(2 * FULL_UNIT);
    const other = Slab.over(slab.buffer);
    slab.copyIn(1, source(10), 0, 10);
    expect([...other.view(1, 10)]).to.deep.equal([...source(10)]);
    expect(other.unitCount).to.equal(2);
  });
});
