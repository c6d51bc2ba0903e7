// Counted nouns and ranges.

import { expect } from 'chai';
import { countOrNo, formatRanges, plural, rangesOf } from '../../lib/text/counts';

describe('text: counts', () => {
  it('joins neighbours into ranges and counts what it left out', () => {
    const shown = (numbers: readonly number[], most?: number) =>
      formatRanges(rangesOf(numbers), most);
    expect(shown([])).to.equal('');
    expect(shown([0, 1, 2, 4, 7, 8])).to.equal('0-2, 4, 7-8');
    expect(shown([1, 3, 5, 7], 2)).to.equal('1, 3 and 2 more ranges');
    expect(shown([1, 3, 4], 1)).to.equal('1 and 1 more range');
  });

  it('counts one peer and two peers', () => {
    expect([plural(0, 'peer'), plural(1, 'peer'), plural(2, 'peer')]).to.deep.equal([
      '0 peers',
      '1 peer',
      '2 peers',
    ]);
  });

  it('writes no peers in a sentence', () => {
    expect([0, 1, 2].map((count) => countOrNo(count, 'peer'))).to.deep.equal([
      'no peers',
      '1 peer',
      '2 peers',
    ]);
  });
});
