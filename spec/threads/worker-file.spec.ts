// Entry points are found beside `lib`, with the extension that this very code runs with.

import { expect } from 'chai';
import path from 'node:path';
import { workerFile } from '../../lib/threads/worker-file';

describe('worker file', () => {
  it('is the entry point in workers/ of the tree that runs', () => {
    expect(workerFile('peers')).to.equal(
      path.resolve(__dirname, '..', '..', 'workers', `peers${path.extname(__filename)}`),
    );
  });
});
