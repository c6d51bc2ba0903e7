// Figures and foreign words.

import { expect } from 'chai';
import * as fc from 'fast-check';
import {
  formatBytes,
  formatDuration,
  formatPercent,
  formatRanges,
  jsonLine,
  plural,
  printable,
} from '../../lib/cli/text';

describe('cli text', () => {
  it('shows control characters instead of obeying them', () => {
    expect(printable('a\u001b[2Jb\r\nc\u009bd\u202ee')).to.equal(
      'a\\u001b[2Jb\\u000d\\u000ac\\u009bd\\u202ee',
    );
    expect(printable('a\u061cb\ufeffc')).to.equal('a\\u061cb\\ufeffc');
    expect(printable('Привет, 世界 🙂')).to.equal('Привет, 世界 🙂');
  });

  it('prints JSON that means the same and holds no control character but its own newline', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(0xffff)), (units) => {
        const text = String.fromCharCode(...units);
        const line = jsonLine({ text: `${text}\u009b\u001b\u202e` });
        expect(JSON.parse(line)).to.deep.equal({ text: `${text}\u009b\u001b\u202e` });
        // eslint-disable-next-line no-control-regex -- control characters are the subject
        expect(line).to.match(/^[^\u0000-\u001f\u007f-\u009f\u202a-\u202e]*\n$/);
      }),
      { numRuns: 200 },
    );
  });

  it('says bytes in powers of 1,024', () => {
    expect(formatBytes(0)).to.equal('0 B');
    expect(formatBytes(1023)).to.equal('1023 B');
    expect(formatBytes(1024)).to.equal('1.00 KiB');
    expect(formatBytes(12.3 * 1024 ** 2)).to.equal('12.3 MiB');
    expect(formatBytes(500 * 1024 ** 3)).to.equal('500 GiB');
    expect(formatBytes(Number.MAX_SAFE_INTEGER)).to.equal('8.00 PiB');
  });

  it('says durations in their two largest units', () => {
    expect(formatDuration(0)).to.equal('0 s');
    expect(formatDuration(0.2)).to.equal('1 s');
    expect(formatDuration(250)).to.equal('4 min 10 s');
    expect(formatDuration(1800)).to.equal('30 min');
    expect(formatDuration(3599.5)).to.equal('1 h');
    expect(formatDuration(7500)).to.equal('2 h 5 min');
    expect(formatDuration(86_400 * 3 + 3600 * 4 + 59)).to.equal('3 d 4 h');
    expect(formatDuration(86_400 + 120)).to.equal('1 d');
  });

  it('says 100 % only when nothing is missing', () => {
    expect(formatPercent(999_999, 1_000_000)).to.equal('99.9 %');
    expect(formatPercent(1, 1)).to.equal('100.0 %');
    expect(formatPercent(0, 0)).to.equal('100.0 %');
  });

  it('joins neighbours into ranges and says how many it left out', () => {
    expect(formatRanges([])).to.equal('');
    expect(formatRanges([0, 1, 2, 4, 7, 8])).to.equal('0-2, 4, 7-8');
    expect(formatRanges([1, 3, 5, 7], 2)).to.equal('1, 3, and 2 more ranges');
  });

  it('counts one peer and two peers', () => {
    expect([plural(0, 'peer'), plural(1, 'peer'), plural(2, 'peer')]).to.deep.equal([
      '0 peers',
      '1 peer',
      '2 peers',
    ]);
  });
});
