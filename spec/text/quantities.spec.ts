// Figures as people read them.

import { expect } from 'chai';
import {
  formatBytes,
  formatDuration,
  formatPercent,
  roughBytes,
  roughDuration,
} from '../../lib/text/quantities';

describe('text: quantities', () => {
  it('writes bytes in powers of 1,024', () => {
    expect(formatBytes(0)).to.equal('0 B');
    expect(formatBytes(1023)).to.equal('1023 B');
    expect(formatBytes(1024)).to.equal('1.00 KiB');
    expect(formatBytes(12.3 * 1024 ** 2)).to.equal('12.3 MiB');
    expect(formatBytes(500 * 1024 ** 3)).to.equal('500 GiB');
    expect(formatBytes(Number.MAX_SAFE_INTEGER)).to.equal('8.00 PiB');
  });

  it('writes bytes in a sentence with two figures below 10', () => {
    expect([999, 1024, 15 * 1024 ** 2, 1.5 * 1024 ** 4].map(roughBytes)).to.deep.equal([
      '999 bytes',
      '1.0 KiB',
      '15 MiB',
      '1.5 TiB',
    ]);
  });

  it('writes durations in their two largest units', () => {
    expect(formatDuration(0)).to.equal('0 s');
    expect(formatDuration(0.2)).to.equal('1 s');
    expect(formatDuration(250)).to.equal('4 min 10 s');
    expect(formatDuration(1800)).to.equal('30 min');
    expect(formatDuration(3599.5)).to.equal('1 h');
    expect(formatDuration(7500)).to.equal('2 h 5 min');
    expect(formatDuration(86_400 * 3 + 3600 * 4 + 59)).to.equal('3 d 4 h');
    expect(formatDuration(86_400 + 120)).to.equal('1 d');
  });

  it('writes durations in a sentence in their largest unit', () => {
    expect([59, 60, 3600, 86_400, 200_000].map(roughDuration)).to.deep.equal([
      '59 s',
      '1 min',
      '1 h',
      '1 day',
      '2 days',
    ]);
  });

  it('writes 100 % only when nothing is missing', () => {
    expect(formatPercent(999_999, 1_000_000)).to.equal('99.9 %');
    expect(formatPercent(1, 1)).to.equal('100.0 %');
    expect(formatPercent(0, 0)).to.equal('100.0 %');
  });
});
