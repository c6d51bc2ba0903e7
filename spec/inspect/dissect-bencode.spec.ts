import { expect } from 'chai';
import fc from 'fast-check';
import { encode } from '../../lib/bencode/encode';
import type { Encodable } from '../../lib/bencode/encode';
import { dissectBencode } from '../../lib/inspect/dissect-bencode';
import { expectCover, fieldsOf } from '../support/ranges';

const fields = (bytes: Uint8Array): string[] => fieldsOf(dissectBencode(bytes));

describe('inspect: dissecting bencoded replies', () => {
  it('names every key, also unknown ones, in the order they came', () => {
    // What puzzled a beginner for half a day: crypto_flags are no text, and a terminal shows dots.
    const reply = Buffer.from(
      'd8:completei41e12:crypto_flags3:\x00\x01\xff10:incompletei3e5:peers6:\x0a\x00\x00\x01\x1a\xe1e',
      'latin1',
    );
    const ranges = dissectBencode(reply);
    expectCover(ranges, reply.length);
    expect(fieldsOf(ranges)).to.deep.equal([
      'complete=41',
      'crypto_flags=3 bytes: 0001ff',
      'incomplete=3',
      'peers=1 in 6 bytes, 6 each',
      'peers[0]=10.0.0.1:6881',
    ]);
    expect(ranges.slice(0, 3)).to.deep.equal([
      { startByte: 0, endByte: 1, kind: 'frame', label: 'dictionary', value: '' },
      { startByte: 1, endByte: 11, kind: 'frame', label: 'key', value: '"complete"' },
      { startByte: 11, endByte: 15, kind: 'field', label: 'complete', value: '41' },
    ]);
  });

  it('reads IPv6 peers, the external address, peers as dictionaries, and scrapes by hash', () => {
    const v6 = Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 80);
    expect(fields(encode({ 'external ip': Uint8Array.of(1, 2, 3, 4), peers6: v6 }))).to.deep.equal([
      'external ip=1.2.3.4',
      'peers6=1 in 18 bytes, 18 each',
      'peers6[0]=[2001:db8::5]:80',
    ]);
    expect(fields(encode({ peers: [{ ip: '1.2.3.4', port: 9 }, { ip: 'x' }] }))).to.deep.equal([
      'peers[0].ip="1.2.3.4"',
      'peers[0].port=9',
      'peers[1].ip="x"',
    ]);
    for (const byte of [0xab, 0x61]) {
      const hash = Buffer.alloc(20, byte);
      const reply = Buffer.from(
        `d5:filesd20:${hash.toString('latin1')}d8:completei7eeee`,
        'latin1',
      );
      expect(fields(reply)).to.deep.equal([`files.${hash.toString('hex')}.complete=7`]);
    }
  });

  it('lists a limited number of peers, and counts the others', () => {
    const reply = encode({ peers: new Uint8Array(6 * 10) });
    const ranges = dissectBencode(reply, { maxPeers: 3 });
    expectCover(ranges, reply.length);
    expect(fieldsOf(ranges)).to.have.length(5);
    expect(fieldsOf(ranges).at(-1)).to.equal('peers=and 7 more');
  });

  it('bounds the number of ranges', () => {
    const reply = Buffer.from(`l${'i1e'.repeat(10_000)}e`);
    const ranges = dissectBencode(reply, { maxRanges: 50 });
    expectCover(ranges, reply.length);
    expect(ranges).to.have.length(51);
    expect(ranges.at(-1)?.label).to.match(/^and \d+ more bytes/);
  });

  const broken: [string, string, string][] = [
    ['HTML', '<html>', 'not bencode=no bencoded value starts here'],
    [
      'a string cut short',
      'd5:peers600:abc',
      'not bencode=a string of 600 bytes is announced, 3 are left',
    ],
    ['an integer cut short', 'd1:ai18', 'not bencode=an integer is cut short'],
    ['a length cut short', 'd1', 'not bencode=the length of a string is cut short'],
    ['no integer', 'd1:aixe', 'not bencode=an integer must be i, digits, e'],
    ['a key that is no string', 'di1ei2ee', 'not bencode=no bencoded value starts here'],
    ['an odd list of peers', 'd5:peers7:aaaaaaae', 'peers=7 bytes, which is no multiple of 6'],
    ['two replies', 'i1ei2e', 'after the end="i2e"'],
    ['too deep', 'l'.repeat(65), 'not bencode=nested deeper than 64 levels'],
  ];
  for (const [title, text, expected] of broken) {
    it(`goes as far as it can: ${title}`, () => {
      const bytes = Buffer.from(text);
      const ranges = dissectBencode(bytes);
      expectCover(ranges, bytes.length);
      const bad = ranges.filter(({ kind }) => kind === 'bad');
      expect(fieldsOf(bad)).to.deep.equal([expected]);
    });
  }

  it('lets white space follow', () => {
    expect(dissectBencode(Buffer.from('de\r\n')).at(-1)).to.include({ kind: 'frame', endByte: 4 });
  });

  const value: fc.Memo<Encodable> = fc.memo((depth) =>
    depth <= 1
      ? fc.oneof(fc.maxSafeInteger(), fc.uint8Array({ maxLength: 40 }))
      : fc.oneof(
          fc.maxSafeInteger(),
          fc.uint8Array({ maxLength: 40 }),
          fc.array(value(depth - 1), { maxLength: 4 }),
          fc.dictionary(fc.string({ maxLength: 9 }), value(depth - 1), { maxKeys: 5 }),
        ),
  );

  it('covers every byte of any valid reply once, and finds nothing bad', () => {
    const keys = fc.constantFrom('peersX', 'interval', 'complete', 'failure reason', 'x\u0001');
    fc.assert(
      fc.property(fc.dictionary(keys, value(4)), fc.nat(20), (reply, peers) => {
        const bytes = encode({ ...reply, peers: new Uint8Array(6 * peers) });
        const ranges = dissectBencode(bytes, { maxPeers: 5 });
        expectCover(ranges, bytes.length);
        expect(ranges.filter(({ kind }) => kind === 'bad')).to.deep.equal([]);
      }),
      { numRuns: 200 },
    );
  });

  it('covers every byte of anything, and never throws', () => {
    const likely = fc.stringMatching(/^[dlei0-9:p-]{0,60}$/).map((text) => Buffer.from(text));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), likely), (bytes) => {
        expectCover(dissectBencode(bytes), bytes.length);
      }),
      { numRuns: 500 },
    );
  });
});
