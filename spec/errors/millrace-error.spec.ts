// Compiled threads have their own copy of the class, so an error is recognised by its name.

import { expect } from 'chai';
import { createRequire } from 'node:module';
import { MillraceError, recordOf } from '../../lib/errors/millrace-error';

const load = createRequire(__filename);
const PATH = load.resolve('../../lib/errors/millrace-error');

/** The class as another bundle, or a custom store that loads `millrace`, has it. */
function anotherCopy(): typeof MillraceError {
  const own = load.cache[PATH];
  delete load.cache[PATH];
  try {
    return (load(PATH) as { MillraceError: typeof MillraceError }).MillraceError;
  } finally {
    load.cache[PATH] = own;
  }
}

describe('MillraceError', () => {
  it('is known across copies of its class, with its code and details', () => {
    const Other = anotherCopy();
    expect(Other).not.to.equal(MillraceError);
    const error = new Other('output-locked', 'somebody is here', { pid: 1 });
    expect(error).to.be.instanceOf(MillraceError);
    expect(recordOf(error)).to.deep.equal({
      code: 'output-locked',
      message: 'somebody is here',
      details: { pid: 1 },
    });
  });

  it('is no other error and nothing that only looks like one', () => {
    const others = [new Error('x'), { name: 'MillraceError', code: 'x' }, null, 'MillraceError'];
    for (const other of others) expect(other).not.to.be.instanceOf(MillraceError);
  });
});
