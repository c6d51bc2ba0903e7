// Remote text, made safe for a terminal.

import { expect } from 'chai';
import * as fc from 'fast-check';
import { jsonLine, printable } from '../../../lib/cli/output/text';

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
        expect(line).to.match(/^[^\u0000-\u001f\u007f-\u009f\u202a-\u202e]*\n$/);
      }),
      { numRuns: 200 },
    );
  });
});
