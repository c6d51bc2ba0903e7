import { expect } from 'chai';
import fc from 'fast-check';
import { IpFilter } from '../../lib/address/ip-filter';
import { IpListReader, MAX_LINE_LENGTH, addLine } from '../../lib/address/ip-list';
import type { IpListReport } from '../../lib/address/ip-list';
import { RangeList } from '../../lib/address/ip-ranges';
import { addressOfHost } from '../../lib/address/text';

function read(text: string, partLength = text.length): { list: RangeList; report: IpListReport } {
  const list = new RangeList();
  const reader = new IpListReader(list);
  for (let at = 0; at < text.length; at += partLength) reader.read(text.slice(at, at + partLength));
  return { list, report: reader.finish() };
}

/** Which of these addresses a text lists. */
function listed(text: string, addresses: readonly string[]): readonly string[] {
  const built = read(text).list.build();
  return addresses.filter((each) => built.has(addressOfHost(each) ?? new Uint8Array()));
}

describe('address: lists of ranges', () => {
  it('reads P2P text', () => {
    const text = [
      '# List distributed by somebody',
      'Some Company, Inc - part 2:1.2.3.4-1.2.3.8',
      'http://name.example: with colons:4.0.0.0 - 4.0.0.1',
      'six:2001:db8::1-2001:db8::5',
      '',
    ].join('\r\n');
    const inside = ['1.2.3.4', '1.2.3.8', '4.0.0.1', '2001:db8::1', '2001:db8::5'];
    expect(listed(text, [...inside, '1.2.3.9', '4.0.0.2', '2001:db8::6'])).to.deep.equal(inside);
    expect(read(text).report).to.deep.equal({
      validLines: 3,
      malformedLines: 0,
      firstMalformedLine: undefined,
    });
  });

  it('reads DAT, where a level below 128 blocks', () => {
    const text = [
      '001.009.096.105 - 001.009.096.105 , 000 , Some organization',
      '010.000.000.000 - 010.000.000.255 , 127 , a name, with a comma',
      '020.000.000.000 - 020.000.000.255 , 128 , allowed',
      '030.000.000.000-030.000.000.255,200',
      '2001:db8::-2001:db8::ff , 0 , six',
    ].join('\n');
    const inside = ['1.9.96.105', '10.0.0.255', '2001:db8::ff'];
    const outside = ['20.0.0.1', '30.0.0.1', '2001:db8::100'];
    expect(listed(text, [...inside, ...outside])).to.deep.equal(inside);
    expect(read(text).report.validLines).to.equal(5);
  });

  it('reads CIDR, single addresses and ranges, with remarks', () => {
    const text = [
      '\u00ef\u00bb\u00bf192.0.2.0/25',
      '; a remark',
      '// another',
      '198.51.100.7 ; SBL1',
      '203.0.113.77/31 # its first address is .76',
      '2001:db8:1::/48// six',
      '9.9.9.1-9.9.9.3',
      '::ffff:8.8.8.0/120',
      '5.0.0.0/0032',
    ].join('\n');
    const inside = [
      ...['192.0.2.127', '198.51.100.7', '203.0.113.76', '203.0.113.77'],
      ...['2001:db8:1:ffff::1', '9.9.9.3', '8.8.8.255'],
    ];
    const outside = ['192.0.2.128', '198.51.100.8', '203.0.113.78', '2001:db8:2::', '8.8.9.0'];
    expect(listed(text, [...inside, ...outside])).to.deep.equal(inside);
    expect(read(text).report).to.deep.equal({
      validLines: 6,
      malformedLines: 1,
      firstMalformedLine: 9,
    });
  });

  it('counts malformed lines, and goes on after each', () => {
    const malformed = [
      ...['nonsense', '1.2.3.4-', '-1.2.3.4', '1.2.3', '1.2.3.4/33', '2001:db8::/129', '256.1.1.1'],
      ...[
        '1.2.3.9-1.2.3.1',
        'name:1.2.3.4',
        '1.2.3.4-2001:db8::1',
        'name:::-g',
        '::ffff:1.2.3.4/90',
      ],
      'x'.repeat(MAX_LINE_LENGTH + 1),
    ];
    const text = ['1.1.1.1', ...malformed, '2.2.2.2'].join('\n');
    for (const partLength of [7, 5000, text.length]) {
      const { list, report } = read(text, partLength);
      expect(report).to.deep.equal({
        validLines: 2,
        malformedLines: malformed.length,
        firstMalformedLine: 2,
      });
      expect(list.count).to.equal(2);
    }
  });

  it('reads the same from parts of any length', () => {
    const line = fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      fc.tuple(fc.ipV4(), fc.nat(33)).map(([address, bits]) => `${address}/${bits}`),
      fc.tuple(fc.string(), fc.ipV4()).map(([name, address]) => `${name}:${address}-${address}`),
      fc.string(),
    );
    const lines = fc.array(line, { maxLength: 30 });
    fc.assert(
      fc.property(lines, fc.integer({ min: 1, max: 40 }), (each, partLength) => {
        const text = each.join('\n');
        const whole = read(text);
        const parts = read(text, partLength);
        expect(parts.report).to.deep.equal(whole.report);
        const bytes = ({ list }: typeof whole): Uint8Array => new Uint8Array(list.build().buffer);
        expect(bytes(parts)).to.deep.equal(bytes(whole));
      }),
      { numRuns: 100 },
    );
  });

  it('reads every range that was written (property)', () => {
    const ends = fc.oneof(fc.tuple(fc.ipV4(), fc.ipV4()), fc.tuple(fc.ipV6(), fc.ipV6()));
    const form = fc.constantFrom(
      (range: string) => range,
      (range: string) => `a name - of (colons: and) more:${range}`,
      (range: string) => `${range} , 000 , a name`,
      (range: string) => `  ${range}\t# remark`,
    );
    fc.assert(
      fc.property(ends, form, ([first, last], write) => {
        const low = addressOfHost(first);
        const high = addressOfHost(last);
        if (low === undefined || high === undefined) throw new Error('no address');
        const range = new RangeList();
        const right = range.add(low, high);
        const found = new RangeList();
        expect(addLine(found, write(`${first} - ${last}`))).to.equal(right);
        expect(new Uint8Array(found.build().buffer)).to.deep.equal(
          new Uint8Array(range.build().buffer),
        );
      }),
      { numRuns: 200 },
    );
  });
});

describe('address: IP filter', () => {
  const list = (...lines: readonly string[]): RangeList => read(lines.join('\n')).list;

  it('refuses what is blocked', () => {
    const filter = IpFilter.refusing(list('192.0.2.0/24', '2001:db8::/32'), undefined);
    expect(filter.ranges).to.equal(2);
    expect(filter.refuses('192.0.2.9')).to.equal(true);
    expect(filter.refuses('::ffff:192.0.2.9')).to.equal(true);
    expect(filter.refuses('[2001:db8::1%eth0]')).to.equal(true);
    expect(filter.refuses('192.0.3.9')).to.equal(false);
    expect(filter.refuses('127.0.0.1')).to.equal(false);
    expect(filter.refuses('peer.example')).to.equal(false);
  });

  it('refuses what is not allowed, and never loopback', () => {
    const filter = IpFilter.refusing(list(), list('192.0.2.0/24'));
    expect(filter.refuses('192.0.2.9')).to.equal(false);
    expect(filter.refuses('192.0.3.0')).to.equal(true);
    expect(filter.refuses('2001:db8::1')).to.equal(true);
    expect(filter.refuses('127.1.2.3')).to.equal(false);
    expect(filter.refuses('::1')).to.equal(false);
  });

  it('refuses what is blocked and allowed, also on loopback', () => {
    const filter = IpFilter.refusing(list('192.0.2.7', '127.0.0.2'), list('192.0.2.0/24'));
    expect(filter.refuses('192.0.2.8')).to.equal(false);
    expect(filter.refuses('192.0.2.7')).to.equal(true);
    expect(filter.refuses('127.0.0.2')).to.equal(true);
    expect(filter.refuses('127.0.0.1')).to.equal(false);
  });

  it('is the same filter in another thread', () => {
    const filter = IpFilter.refusing(list('192.0.2.7'), undefined);
    expect(new IpFilter(filter.buffer).refuses('192.0.2.7')).to.equal(true);
  });
});
