import { expect } from 'chai';
import fc from 'fast-check';
import {
  decodeExtendedHandshake,
  encodeExtendedHandshake,
} from '../../lib/wire/extended-handshake';
import type { ExtendedHandshake } from '../../lib/wire/messages';
import { codeThrown } from '../support/code-of';

const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'latin1'));
const decodeText = (text: string) => decodeExtendedHandshake(bytes(text));

describe('extended handshake', () => {
  it('is one canonical dictionary with what we say', () => {
    const payload = encodeExtendedHandshake({
      extensions: { ut_metadata: 3 },
      client: 'Millrace 0.1',
      listenPort: 6881,
      requestQueue: 512,
      yourIp: Uint8Array.from([127, 0, 0, 1]),
    });
    expect(Buffer.from(payload).toString('latin1')).to.equal(
      'd1:md11:ut_metadatai3ee1:pi6881e4:reqqi512e1:v12:Millrace 0.16:yourip4:\x7f\0\0\x01e',
    );
  });

  it('survives a round trip', () => {
    const handshake: fc.Arbitrary<ExtendedHandshake> = fc.record(
      {
        extensions: fc.dictionary(
          fc.stringMatching(/^[a-z_]{1,20}$/),
          fc.integer({ min: 0, max: 255 }),
          { maxKeys: 20, noNullPrototype: true },
        ),
        client: fc.stringMatching(/^[A-Za-zµ0-9./-]{1,30}$/),
        listenPort: fc.integer({ min: 1, max: 65_535 }),
        requestQueue: fc.integer({ min: 1, max: 2 ** 31 }),
        yourIp: fc.constantFrom(4, 16).chain((n) => fc.uint8Array({ minLength: n, maxLength: n })),
      },
      { requiredKeys: ['extensions'] },
    );
    fc.assert(
      fc.property(handshake, (sent) => {
        expect(decodeExtendedHandshake(encodeExtendedHandshake(sent))).to.deep.equal(sent);
      }),
      { numRuns: 200 },
    );
  });

  it('keeps no address in the read buffer, which the next read overwrites', () => {
    const read = Buffer.from('d4:ipv44:abcd4:ipv616:abcdefghijklmnop6:yourip4:efghe', 'latin1');
    const { ipv4, ipv6, yourIp } = decodeExtendedHandshake(read);
    read.fill(0);
    expect(ipv4).to.deep.equal(bytes('abcd'));
    expect(ipv6).to.deep.equal(bytes('abcdefghijklmnop'));
    expect(yourIp).to.deep.equal(bytes('efgh'));
  });

  it('leaves out what is missing, of another type or out of range', () => {
    expect(decodeText('de')).to.deep.equal({ extensions: {} });
    expect(decodeText('d1:m4:none1:p3:abc4:reqqli1ee1:vi7e6:yourip3:abce')).to.deep.equal({
      extensions: {},
    });
    expect(decodeText('d1:pi0e4:reqqi0ee')).to.deep.equal({ extensions: {} });
    expect(decodeText('d1:pi65536e4:reqqi-5ee')).to.deep.equal({ extensions: {} });
    expect(decodeText('d4:reqqi99999999999999999999ee')).to.deep.equal({ extensions: {} });
    expect(decodeText('d1:md1:ai256e1:bi-1e1:c1:x1:di0eee')).to.deep.equal({
      extensions: { d: 0 },
    });
  });

  it('takes unsorted keys, and bytes after the dictionary', () => {
    expect(decodeText('d4:reqqi250e1:mdeetrailing')).to.deep.equal({
      extensions: {},
      requestQueue: 250,
    });
  });

  it('keeps a `__proto__` among the names, and out of the prototype', () => {
    const { extensions } = decodeText('d1:md9:__proto__i7eee');
    expect(Object.entries(extensions)).to.deep.equal([['__proto__', 7]]);
    expect(Object.getPrototypeOf(extensions)).to.equal(Object.prototype);
  });

  it('strips and shortens the client name', () => {
    expect(decodeText('d1:v12:a\x1b[31m\nb\r\0c\x7fe').client).to.equal('a[31mbc');
    expect(decodeText('d1:v3:\0\n e').client).to.equal(undefined);
    const long = `d1:v5000:${'x'.repeat(5000)}e`;
    expect(decodeText(long).client).to.equal('x'.repeat(64));
    const smiles = Buffer.from('😀'.repeat(100), 'utf8');
    const payload = Uint8Array.from(
      Buffer.concat([Buffer.from(`d1:v${smiles.length}:`), smiles, Buffer.from('e')]),
    );
    expect(decodeExtendedHandshake(payload).client).to.equal('😀'.repeat(64));
  });

  it('holds no view of the payload, which is a reused buffer', () => {
    const payload = bytes('d6:yourip4:abcde');
    const { yourIp } = decodeExtendedHandshake(payload);
    payload.fill(0);
    expect(yourIp).to.deep.equal(bytes('abcd'));
  });

  it('reads every field of the right type, and leaves out what has another', () => {
    const right =
      'd12:complete_agoi7e4:ipv44:abcd4:ipv616:0123456789abcdef1:pi9e4:reqqi5e11:upload_onlyi1e6:yourip4:abcde';
    expect(decodeText(right)).to.deep.equal({
      extensions: {},
      listenPort: 9,
      requestQueue: 5,
      yourIp: bytes('abcd'),
      ipv4: bytes('abcd'),
      ipv6: bytes('0123456789abcdef'),
      uploadOnly: true,
      completeAgoSec: 7,
    });
    expect(decodeText('d11:upload_onlyi0ee').uploadOnly).to.equal(false);
    expect(decodeText('d12:complete_agoi-1ee').completeAgoSec).to.equal(undefined);
    const keys = ['complete_ago', 'ipv4', 'ipv6', 'm', 'p', 'reqq', 'upload_only', 'v', 'yourip'];
    const wrong = ['le', 'de', '3:abc', 'i-5e', 'i99999999999999999999e', 'd1:xi1ee', 'l1:xe'];
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...wrong), { minLength: keys.length, maxLength: keys.length }),
        (values) => {
          const text = `d${keys.map((key, at) => `${key.length}:${key}${values[at] ?? 'le'}`).join('')}e`;
          const { extensions, client, uploadOnly, ...others } = decodeText(text);
          expect(others).to.deep.equal({});
          expect(client).to.be.oneOf([undefined, 'abc']);
          expect(uploadOnly).to.be.oneOf([undefined, true]);
          expect(Object.keys(extensions).length).to.be.at.most(1);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('refuses what is not a bencoded dictionary, and nothing else', () => {
    const codeOf = (payload: Uint8Array) => codeThrown(() => decodeExtendedHandshake(payload));
    for (const text of ['', 'i1e', 'le', '4:spam', 'd', 'd1:m', 'x', `d1:a${'l'.repeat(5000)}`]) {
      expect(codeOf(bytes(text)), text.slice(0, 10)).to.equal('bad-extended-message');
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (payload) => {
        expect(codeOf(payload)).to.be.oneOf(['nothing', 'bad-extended-message']);
      }),
      { numRuns: 200 },
    );
  });
});
