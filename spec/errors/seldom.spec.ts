// What repeats is said once a minute.

import { expect } from 'chai';
import { Seldom } from '../../lib/errors/seldom';

describe('errors: what is said seldom', () => {
  it('is said at once, then once a minute with how often it happened', () => {
    const seldom = new Seldom();
    const said: (number | undefined)[] = [];
    for (let ms = 0; ms <= 120_000; ms += 1000) said.push(seldom.happened(ms));
    expect(said.filter((times) => times !== undefined)).to.deep.equal([1, 60, 60]);
    expect(said[0]).to.equal(1);
    expect(new Seldom().happened(0)).to.equal(1);
  });
});
