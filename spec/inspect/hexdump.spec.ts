import { expect } from 'chai';
import fc from 'fast-check';
import { hexDump } from '../../lib/inspect/hexdump';
import type { ByteRange } from '../../lib/inspect/hexdump';

const range = (startByte: number, endByte: number, label: string, value = ''): ByteRange => ({
  startByte,
  endByte,
  kind: 'field',
  label,
  value,
});

describe('inspect: hex dump', () => {
  it('without ranges is what `hexdump -C` prints', () => {
    const bytes = Buffer.from('d8:intervali1800e5:peers6:\u0000\u007f\n~ é', 'latin1');
    expect(hexDump(bytes)).to.equal(
      `00000000  64 38 3a 69 6e 74 65 72  76 61 6c 69 31 38 30 30  |d8:intervali1800|
00000010  65 35 3a 70 65 65 72 73  36 3a 00 7f 0a 7e 20 e9  |e5:peers6:...~ .|
00000020
`,
    );
    expect(hexDump(Buffer.from('abc'))).to.equal(
      '00000000  61 62 63                                          |abc|\n00000003\n',
    );
    expect(hexDump(new Uint8Array(0))).to.equal('');
  });

  it('begins a row with each range, and labels it there', () => {
    const ranges = [range(0, 1, 'dictionary'), range(3, 6, 'interval', '18')];
    expect(hexDump(Buffer.from('d..i18e'), ranges)).to.equal(
      `00000000  64                                                |d|                 dictionary
00000001  2e 2e                                             |..|
00000003  69 31 38                                          |i18|               interval: 18
00000006  65                                                |e|
00000007
`,
    );
  });

  it('counts the rest of a long range', () => {
    const lines = hexDump(new Uint8Array(100), [range(0, 100, 'x')], { maxRangeBytes: 20 });
    expect(lines.split('\n').slice(1)).to.deep.equal([
      '00000010  00 00 00 00                                       |....|',
      '          … 80 more bytes',
      '00000064',
      '',
    ]);
  });

  it('shows every byte, whatever the ranges', () => {
    const bytesAndCuts = fc.tuple(fc.uint8Array({ maxLength: 200 }), fc.array(fc.nat(220)));
    fc.assert(
      fc.property(bytesAndCuts, ([bytes, cuts]) => {
        const ends = [...new Set(cuts)].sort((a, b) => a - b);
        const ranges = ends.map((end, at) => range(ends[at - 1] ?? 0, end, 'label'));
        const rows = hexDump(bytes, ranges, { maxRangeBytes: 1000 }).split('\n');
        const hex = rows.map((row) => row.slice(10, 58)).join(' ');
        expect(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex')).to.deep.equal(Buffer.from(bytes));
      }),
      { numRuns: 200 },
    );
  });
});
