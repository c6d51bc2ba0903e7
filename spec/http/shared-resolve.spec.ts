import { expect } from 'chai';
import type { ResolvedAddress } from '../../lib/http/resolve';
import { ANSWER_LIFE_MS, sharedResolve } from '../../lib/http/shared-resolve';

const FOUND: readonly ResolvedAddress[] = [{ address: '192.0.2.1', family: 4 }];
const never = new AbortController().signal;

/** Look-ups that the spec ends, and a clock. */
function scene() {
  const asked: string[] = [];
  const waiting: { resolve(): void; reject(): void }[] = [];
  const clock = { ms: 0 };
  const resolve = sharedResolve(
    (host) => {
      asked.push(host);
      return new Promise((yes, no) =>
        waiting.push({ resolve: () => yes(FOUND), reject: () => no(new Error('ENOTFOUND')) }),
      );
    },
    () => clock.ms,
  );
  return { asked, waiting, clock, resolve };
}

describe('http: shared name look-ups', () => {
  it('one look-up serves all callers during it, and for a minute after', async () => {
    const { asked, waiting, clock, resolve } = scene();
    const both = [resolve('t.example', never), resolve('t.example', never)];
    waiting[0]?.resolve();
    expect(await Promise.all(both)).to.deep.equal([FOUND, FOUND]);
    clock.ms = ANSWER_LIFE_MS - 1;
    expect(await resolve('t.example', never)).to.equal(FOUND);
    expect(asked).to.deep.equal(['t.example']);
    clock.ms = ANSWER_LIFE_MS;
    void resolve('t.example', never);
    void resolve('other.example', never);
    expect(asked).to.deep.equal(['t.example', 't.example', 'other.example']);
  });

  it('an aborted caller does not affect the others, and a failure is not kept', async () => {
    const { asked, waiting, resolve } = scene();
    const stop = new AbortController();
    const impatient = resolve('t.example', stop.signal).catch((error: Error) => error.message);
    const patient = resolve('t.example', never);
    stop.abort(new Error('gave up'));
    expect(await impatient).to.equal('gave up');
    waiting[0]?.resolve();
    expect(await patient).to.equal(FOUND);
    const failing = resolve('bad.example', never).catch((error: Error) => error.message);
    waiting[1]?.reject();
    expect(await failing).to.equal('ENOTFOUND');
    void resolve('bad.example', never);
    expect(asked).to.deep.equal(['t.example', 'bad.example', 'bad.example']);
  });

  it('remembers a limited number of names', async () => {
    const { asked, waiting, resolve } = scene();
    for (let n = 0; n < 300; n++) {
      const found = resolve(`t${n}.example`, never);
      waiting.at(-1)?.resolve();
      await found;
    }
    await resolve('t299.example', never);
    expect(asked).to.have.length(300);
    void resolve('t0.example', never);
    expect(asked).to.have.length(301);
  });
});
