// Why peers are closed: every code has its rule in the documentation, word for word, and is used.

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { CLOSE_REASONS } from '../../lib/messages/close-reasons';

const ROOT = path.join(__dirname, '..', '..');

describe('contract: close reasons', () => {
  it('are documented one and all, with the same words', () => {
    const page = readFileSync(path.join(ROOT, 'docs', 'CLOSE-REASONS.md'), 'utf8');
    const rows = [...page.matchAll(/^\| `([a-z-]+)` *\| (.*?) *\|/gm)];
    const documented = Object.fromEntries(rows.map(([, code = '', rule]) => [code, rule]));
    expect(documented).to.deep.equal({ ...CLOSE_REASONS });
    expect(rows).to.have.length(Object.keys(CLOSE_REASONS).length);
  });

  it('are all given somewhere', () => {
    const sources = readdirSync(path.join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.endsWith('close-reasons.ts'))
      .map((name) => readFileSync(path.join(ROOT, 'lib', name), 'utf8'))
      .join('\n');
    const unused = Object.keys(CLOSE_REASONS).filter((code) => !sources.includes(`'${code}'`));
    expect(unused).to.deep.equal([]);
  });
});
