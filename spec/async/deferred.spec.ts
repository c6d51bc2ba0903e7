// Promises that are settled from outside, and signals as promises.

import { expect } from 'chai';
import { deferred } from '../../lib/async/deferred';
import { fired } from '../../lib/async/on-abort';

describe('async: settled from outside', () => {
  it('resolves or rejects once', async () => {
    const good = deferred();
    good.resolve();
    good.reject(new Error('too late'));
    await good.promise;
    const bad = deferred();
    bad.reject(new Error('first'));
    bad.resolve();
    expect(await bad.promise.catch((error: Error) => error.message)).to.equal('first');
  });

  it('resolves when a signal fires, and at once where it has', async () => {
    const stop = new AbortController();
    const waits = fired(stop.signal);
    let over = false;
    void waits.then(() => (over = true));
    await Promise.resolve();
    expect(over).to.equal(false);
    stop.abort();
    await waits;
    await fired(stop.signal);
  });
});
