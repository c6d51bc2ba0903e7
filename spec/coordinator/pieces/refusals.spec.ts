// The pieces that a source rejected lately: bounded in number and time.
import { expect } from 'chai';
import { REFUSAL_MS, Refusals } from '../../../lib/coordinator/pieces/refusals';

describe('coordinator/refusals', () => {
  it('last for a while from the last reject', () => {
    const refusals = new Refusals();
    refusals.note(3, 1_000);
    refusals.note(4, 2_000);
    refusals.note(3, 5_000);
    expect(refusals.expire(1_999 + REFUSAL_MS)).to.equal(false);
    expect([3, 4, 5].map((piece) => refusals.has(piece))).to.deep.equal([true, true, false]);
    expect(refusals.expire(2_000 + REFUSAL_MS)).to.equal(true);
    expect([3, 4].map((piece) => refusals.has(piece))).to.deep.equal([true, false]);
    expect(refusals.expire(5_000 + REFUSAL_MS)).to.equal(true);
    expect(refusals.has(3)).to.equal(false);
  });

  it('are few, however many pieces a peer rejects', () => {
    const refusals = new Refusals();
    for (let piece = 0; piece < 1_000; piece++) refusals.note(piece, piece);
    const held = Array.from({ length: 1_000 }, (_, piece) => piece).filter((piece) =>
      refusals.has(piece),
    );
    expect(held).to.deep.equal(Array.from({ length: 64 }, (_, at) => 936 + at));
  });
});
