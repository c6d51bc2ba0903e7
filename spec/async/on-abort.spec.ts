import { getEventListeners } from 'node:events';
import { expect } from 'chai';
import { onAbort, unlessStopped } from '../../lib/async/on-abort';

const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

describe('async/on-abort', () => {
  it('has one listener for any number of callbacks, and none when they are gone', () => {
    const { signal } = new AbortController();
    const same = (): void => undefined;
    const ends = Array.from({ length: 200 }, () => onAbort(signal, same));
    expect(listeners(signal)).to.equal(1);
    for (const end of ends.slice(1)) end();
    expect(listeners(signal)).to.equal(1);
    ends[0]?.();
    expect(listeners(signal)).to.equal(0);
    ends[0]?.();
  });

  it('calls each once, in their order, and those that were ended never', () => {
    const controller = new AbortController();
    const called: number[] = [];
    const ends = [0, 1, 2].map((n) => onAbort(controller.signal, () => called.push(n)));
    ends[1]?.();
    controller.abort();
    controller.abort();
    expect(called).to.deep.equal([0, 2]);
    for (const end of ends) end();
  });

  it('starts anew after the last was ended, even when it was ended twice', () => {
    const controller = new AbortController();
    const end = onAbort(controller.signal, () => expect.fail('ended'));
    end();
    let called = 0;
    onAbort(controller.signal, () => called++);
    end();
    controller.abort();
    expect(called).to.equal(1);
  });

  it('calls at once when the signal has fired, also from within another callback', () => {
    const controller = new AbortController();
    const called: string[] = [];
    onAbort(controller.signal, () => {
      onAbort(controller.signal, () => called.push('inner'));
      called.push('outer');
    });
    controller.abort();
    onAbort(controller.signal, () => called.push('late'));
    expect(called).to.deep.equal(['inner', 'outer', 'late']);
  });

  it('waits for a promise unless the signal fires first', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    expect(await unlessStopped(Promise.resolve(1), signal)).to.equal(1);
    expect(await unlessStopped(Promise.resolve(2), undefined)).to.equal(2);
    expect(listeners(signal)).to.equal(0);
    const never = unlessStopped(new Promise(() => undefined), signal);
    const reason = new Error('enough');
    controller.abort(reason);
    expect(await never.catch((error: unknown) => error)).to.equal(reason);
    const late = unlessStopped(Promise.resolve(3), signal);
    expect(await late.catch((error: unknown) => error)).to.equal(reason);
  });
});
