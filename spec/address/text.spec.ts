import { expect } from 'chai';
import fc from 'fast-check';
import { isIP } from 'node:net';
import { formatAddress, parseAddress, hostPort } from '../../lib/address/text';

describe('address: text', () => {
  it('prints IPv6 in the canonical form of RFC 5952', () => {
    const cases: Readonly<Record<string, string>> = {
      '2001:DB8:0:0:1:0:0:1': '2001:db8::1:0:0:1',
      '0:0:0:0:0:0:0:1': '::1',
      '1:0:0:0:0:0:0:0': '1::',
      '2001:db8:0:1:1:1:1:1': '2001:db8:0:1:1:1:1:1',
      '::ffff:192.0.2.1': '192.0.2.1',
      '64:ff9b::192.0.2.33': '64:ff9b::c000:221',
      '192.0.2.1': '192.0.2.1',
    };
    for (const [text, canonical] of Object.entries(cases)) {
      expect(formatAddress(parseAddress(text) ?? new Uint8Array()), text).to.equal(canonical);
    }
  });

  it('puts IPv6 in brackets before a port', () => {
    expect(hostPort('::1', 6881)).to.equal('[::1]:6881');
    expect(hostPort('192.0.2.1', 6881)).to.equal('192.0.2.1:6881');
    expect(hostPort('tracker.example', 80)).to.equal('tracker.example:80');
  });

  it('refuses everything that is not an address', () => {
    for (const text of [
      '',
      'localhost',
      '1.2.3',
      '1.2.3.4.5',
      '256.1.1.1',
      '[::1]',
      'fe80::1%lo',
      ':',
    ]) {
      expect(parseAddress(text), text).to.equal(undefined);
    }
    expect(formatAddress(new Uint8Array(5))).to.equal(undefined);
  });

  it('gets every address back from its text', () => {
    const packed = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc
        .array(fc.constantFrom(0, 0, 1, 255), { minLength: 16, maxLength: 16 })
        .map((bytes) => Uint8Array.from([0x20, ...bytes.slice(1)])),
    );
    fc.assert(
      fc.property(packed, (bytes) => {
        expect(parseAddress(formatAddress(bytes) ?? '')).to.deep.equal(bytes);
      }),
      { numRuns: 300 },
    );
  });

  it('recognises the addresses that the system recognises', () => {
    const part = fc.constantFrom(
      '0',
      '1',
      'ffff',
      'A0',
      '12345',
      'g',
      '',
      ':',
      '1.2.3.4',
      '01.2.3.4',
    );
    const likely = fc.array(part, { maxLength: 9 }).map((parts) => parts.join(':'));
    const mess = fc.array(fc.constantFrom(':', '::', '.', '1', 'f', '25', '1.2.3.4'), {
      maxLength: 17,
    });
    fc.assert(
      fc.property(
        fc.oneof(
          likely,
          fc.ipV6(),
          fc.ipV4(),
          mess.map((parts) => parts.join('')),
        ),
        (text) => {
          const packed = parseAddress(text);
          expect(packed !== undefined, text).to.equal(isIP(text) !== 0);
          if (packed === undefined) return;
          const url = isIP(text) === 6 ? new URL(`http://[${text}]/`).hostname : text;
          const other = parseAddress(url.replace(/^\[|\]$/g, ''));
          expect(packed, text).to.deep.equal(other);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
