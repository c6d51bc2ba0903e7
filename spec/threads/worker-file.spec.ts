// Entry points are found beside `lib`, with the extension that this very code runs with; compiled ones
// are files of their own.

import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { workerFile } from '../../lib/threads/worker-file';

const ROOT = path.resolve(__dirname, '..', '..');

describe('worker file', () => {
  it('is the entry point in workers/ of the tree that runs', () => {
    expect(workerFile('peers')).to.equal(
      path.join(ROOT, 'workers', `peers${path.extname(__filename)}`),
    );
  });

  for (const entry of ['lib/cli/main', 'workers/coordinator', 'workers/peers', 'workers/verify']) {
    it(`is one file when compiled: ${entry}`, () => {
      const text = readFileSync(path.join(ROOT, 'dist', `${entry}.js`), 'utf8');
      expect(text).not.to.match(/(require|import)\(["']\./);
    });
  }
});
