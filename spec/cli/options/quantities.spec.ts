// Sizes and times of options: one grammar, and a message that shows it.

import { expect } from 'chai';
import fc from 'fast-check';
import { MIB } from '../../../lib/bytes/lengths';
import { size, time } from '../../../lib/cli/options/quantities';

const inBytes = size({ lowBytes: 0, highBytes: 2 ** 50, plain: 'B', example: '1M' });
const inMib = size({ lowBytes: 4 * MIB, highBytes: 2 ** 50, plain: 'MiB', example: '100M' });
const seconds = time({ lowSec: 0, highSec: 1e9, plain: 's', example: '60' });
const minutes = time({ lowSec: 0, highSec: 1e9, plain: 'min', example: '90' });

describe('cli quantities', () => {
  for (const [text, bytes] of [
    ['16384', 16_384],
    ['16384B', 16_384],
    ['100M', 100 * MIB],
    ['100m', 100 * MIB],
    ['100MiB', 100 * MIB],
    ['100 mib', 100 * MIB],
    ['100MB', 100_000_000],
    ['100mb', 100_000_000],
    ['256K', 256 * 1024],
    ['256KiB', 256 * 1024],
    ['256kB', 256_000],
    ['1.5G', 1.5 * 1024 ** 3],
    ['1.5GB', 1_500_000_000],
    ['1T', 1024 ** 4],
    ['0.3K', 307],
  ] as const) {
    it(`reads ${text} as ${bytes} bytes`, () => expect(inBytes(text)).to.equal(bytes));
  }

  it('counts a number alone in the unit of the option', () => {
    expect(inMib('48')).to.equal(48 * MIB);
    expect(inMib('4.5')).to.equal(4.5 * MIB);
    expect([seconds('90'), minutes('90')]).to.deep.equal([90, 5400]);
  });

  for (const [text, sec] of [
    ['90s', 90],
    ['90 sec', 90],
    ['250ms', 0.25],
    ['5min', 300],
    ['5m', 300],
    ['1.5h', 5400],
    ['2D', 172_800],
    ['2.3min', 138],
  ] as const) {
    it(`reads ${text} as ${sec} seconds`, () => {
      expect([seconds(text), minutes(text)]).to.deep.equal([sec, sec]);
    });
  }

  for (const text of [
    '',
    ' ',
    'M',
    '-1',
    '+1',
    '1e3',
    '0x10',
    '1,5M',
    '.5M',
    '1.M',
    '1MiBs',
    '1 M ',
    '1P',
  ])
    it(`refuses ${JSON.stringify(text)} with an example`, () => {
      expect(() => inBytes(text)).to.throw(
        /^Allowed: a size .* such as 1M; a number alone counts bytes\.$/,
      );
      expect(() => seconds(text)).to.throw(
        /^Allowed: a time .* such as 60; a number alone counts seconds\.$/,
      );
    });

  it('refuses what is out of range, and names the range', () => {
    expect(() => inMib('3.9M')).to.throw(
      'from 4 MiB to 1 PiB, such as 100M; a number alone counts MiB',
    );
    expect(() => seconds('20000d')).to.throw('from 0 s to');
  });

  it('reads every whole number with every unit, in every case, as the number times the unit', () => {
    const units = [
      ['K', 1024],
      ['KiB', 1024],
      ['KB', 1000],
      ['M', MIB],
      ['MiB', MIB],
      ['MB', 1e6],
    ] as const;
    fc.assert(
      fc.property(
        fc.nat(1e6),
        fc.constantFrom(...units),
        fc.boolean(),
        (count, [unit, factor], low) => {
          expect(inBytes(`${count}${low ? unit.toLowerCase() : unit}`)).to.equal(count * factor);
        },
      ),
    );
  });
});
