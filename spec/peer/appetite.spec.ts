// The credit that a session reports to the coordinator: not too often, and never granted twice.

import { expect } from 'chai';
import { Appetite } from '../../lib/peer/appetite';

describe('peer/appetite', () => {
  it('is a depth and a reserve beyond what was accepted and is held no more', () => {
    const appetite = new Appetite();
    expect(appetite.grow(0, 8, 4)).to.equal(12);
    appetite.accept(12);
    expect(appetite.grow(4, 8, 4), '8 of 12 are settled').to.equal(20);
  });

  it('is reported once it has grown by a quarter of the depth', () => {
    const appetite = new Appetite();
    appetite.grow(0, 8, 4);
    appetite.accept(12);
    expect(appetite.grow(12, 8, 4)).to.equal(undefined);
    expect(appetite.grow(11, 8, 4)).to.equal(undefined);
    expect(appetite.grow(10, 8, 4)).to.equal(14);
    expect(appetite.grow(9, 8, 4), 'counted from the last report').to.equal(undefined);
  });

  it('is not reported again unchanged where a quarter of the depth is no block', () => {
    const appetite = new Appetite();
    expect(appetite.grow(0, 1, 0)).to.equal(1);
    expect(appetite.grow(0, 1, 0)).to.equal(undefined);
    appetite.accept(1);
    expect(appetite.grow(0, 1, 0)).to.equal(2);
  });

  it('begins anew when the peer chokes us', () => {
    const appetite = new Appetite();
    appetite.grow(0, 8, 4);
    appetite.accept(12);
    appetite.reset();
    expect(appetite.grow(0, 8, 4)).to.equal(12);
  });
});
