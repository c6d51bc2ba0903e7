// Remote text made safe to print: one set of characters in three forms.

import { expect } from 'chai';
import * as fc from 'fast-check';
import {
  escapeUnprintable,
  printable,
  printableBytes,
  printableName,
} from '../../lib/text/printable';

/** Controls, separators, marks and overrides of direction, the byte order mark. */
const DANGEROUS = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/u;

describe('text: printable', () => {
  it('leaves nothing dangerous in any form', () => {
    const units = fc.array(fc.oneof(fc.nat(0xffff), fc.integer({ min: 0x2000, max: 0x2070 })));
    fc.assert(
      fc.property(units, fc.integer({ min: 1, max: 20 }), (codes, maxChars) => {
        const text = String.fromCharCode(...codes);
        const bytes = Buffer.from(text, 'utf8');
        for (const shown of [
          escapeUnprintable(text),
          printable(text, maxChars),
          printableBytes(bytes, maxChars),
          printableName(text, maxChars) ?? '',
        ]) {
          expect(shown).to.not.match(DANGEROUS);
        }
        expect([...printable(text, maxChars)].length).to.be.at.most(maxChars + 1);
        expect([...(printableName(text, maxChars) ?? '')].length).to.be.at.most(maxChars);
      }),
    );
  });

  it('puts one space in the place of a run, and a mark where it cuts', () => {
    expect(printable(' a\r\n\u001bb ', 10)).to.equal('a b');
    expect(printable('abcdef', 3)).to.equal('abc…');
    expect(printable('🙂🙂🙂', 2)).to.equal('🙂🙂…');
  });

  it('reads bytes as UTF-8, else as Latin-1', () => {
    expect(printableBytes(Buffer.from('é', 'utf8'), 5)).to.equal('é');
    expect(printableBytes(Uint8Array.of(0xe9, 0x74), 5)).to.equal('ét');
  });

  it('keeps joiners in words, and none in the name of a program', () => {
    expect(printable('a\u200db', 5)).to.equal('a\u200db');
    expect(printableName('a\u200d\u00adb', 5)).to.equal('ab');
    expect(printableName('\u202e \u001b', 5)).to.equal(undefined);
  });
});
