// Which threads are ordered to listen, and when: with ports that can be shared, that cannot, and
// whose name another engine holds.

import { expect } from 'chai';
import { Listeners } from '../../../lib/coordinator/outlets/listeners';
import type { Claims } from '../../../lib/coordinator/outlets/listeners';

/** What each thread was ordered, as `thread port share`. */
function listeners(options: {
  readonly port: number;
  readonly threads: number;
  readonly canShare?: boolean;
}) {
  const orders: string[] = [];
  const asked: number[] = [];
  const held: number[] = [];
  let answer: (isOurs: boolean) => void = () => undefined;
  const claims: Claims = {
    canSharePorts: () => options.canShare ?? true,
    claimPort: async (port) => {
      asked.push(port);
      const isOurs = await new Promise<boolean>((resolve) => (answer = resolve));
      if (!isOurs) return undefined;
      held.push(port);
      return { release: () => void held.splice(held.indexOf(port), 1) };
    },
  };
  const under = new Listeners({
    port: options.port,
    host: undefined,
    threads: options.threads,
    order: (thread, order) => {
      if (order.type === 'listen') orders.push(`${thread} ${order.port} ${order.share}`);
    },
    claims,
  });
  let isReady = false;
  void under.ready.then(() => (isReady = true));
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  for (let thread = 0; thread < options.threads; thread++) under.onThread(thread);
  return {
    under,
    asked,
    held,
    /** The orders since the last call. */
    async orders(): Promise<string[]> {
      await settle();
      return orders.splice(0);
    },
    async ready(): Promise<boolean> {
      await settle();
      return isReady;
    },
    async claimed(isOurs: boolean): Promise<void> {
      answer(isOurs);
      await settle();
    },
  };
}

describe('coordinator/listeners', () => {
  it('has thread 0 alone listen where there is but one, or where ports cannot be shared', async () => {
    for (const options of [
      { port: 7, threads: 1 },
      { port: 7, threads: 3, canShare: false },
      { port: 0, threads: 3, canShare: false },
    ]) {
      const { under, asked, ...that } = listeners(options);
      expect(await that.orders()).to.deep.equal([`0 ${options.port} alone`]);
      expect(await that.ready()).to.equal(false);
      under.onListening(0, 7);
      expect(await that.ready()).to.equal(true);
      under.onThread(1);
      under.onThread(0);
      expect(await that.orders(), 'after deaths').to.deep.equal(['0 7 alone']);
      expect(asked).to.deep.equal([]);
    }
  });

  it('claims a given port, has thread 0 open it, then all listen', async () => {
    const { under, asked, held, ...that } = listeners({ port: 7, threads: 3 });
    expect(asked).to.deep.equal([7]);
    expect(await that.orders()).to.deep.equal([]);
    await that.claimed(true);
    expect(await that.orders()).to.deep.equal(['0 7 first']);
    under.onListening(0, 7);
    expect(await that.orders()).to.deep.equal(['1 7 beside', '2 7 beside']);
    under.onListening(1, 7);
    expect(await that.ready()).to.equal(false);
    under.onListening(2, 7);
    expect(await that.ready()).to.equal(true);
    under.close();
    expect(held).to.deep.equal([]);
  });

  it('lets the system pick a port, then claims that', async () => {
    const { under, asked, ...that } = listeners({ port: 0, threads: 2 });
    expect(await that.orders()).to.deep.equal(['0 0 first']);
    under.onListening(0, 4711);
    expect(asked).to.deep.equal([4711]);
    expect(await that.orders()).to.deep.equal([]);
    await that.claimed(true);
    expect(await that.orders()).to.deep.equal(['1 4711 beside']);
    expect(under.port).to.equal(4711);
  });

  it('shares no port whose host name another engine holds: the system detects a conflict', async () => {
    const given = listeners({ port: 7, threads: 2 });
    await given.claimed(false);
    expect(await given.orders()).to.deep.equal(['0 7 alone']);
    given.under.onListening(0, 7);
    expect(await given.ready()).to.equal(true);

    const picked = listeners({ port: 0, threads: 2 });
    expect(await picked.orders()).to.deep.equal(['0 0 first']);
    picked.under.onListening(0, 4711);
    await picked.claimed(false);
    expect(await picked.ready()).to.equal(true);
    picked.under.onThread(0);
    expect(await picked.orders(), 'after a death').to.deep.equal(['0 4711 alone']);
  });

  it('has a thread that was started anew listen again on the same port', async () => {
    const { under, ...that } = listeners({ port: 0, threads: 2 });
    await that.orders();
    under.onThread(0); // it died before it listened
    expect(await that.orders()).to.deep.equal(['0 0 first']);
    under.onListening(0, 4711);
    under.onThread(0); // it died while the port was being claimed
    expect(await that.orders()).to.deep.equal([]);
    await that.claimed(true);
    expect(await that.orders()).to.have.members(['0 4711 beside', '1 4711 beside']);
    under.onThread(1);
    under.onThread(0);
    expect(await that.orders()).to.deep.equal(['1 4711 beside', '0 4711 beside']);
  });

  it('gives back a claim that comes after the end', async () => {
    const { under, held, ...that } = listeners({ port: 7, threads: 2 });
    under.close();
    await that.claimed(true);
    expect(held).to.deep.equal([]);
    expect(await that.orders()).to.deep.equal([]);
  });

  it('can be closed where nothing was claimed', () => {
    const { under, asked } = listeners({ port: 7, threads: 1 });
    under.close();
    expect(asked).to.deep.equal([]);
  });

  it('names the host in its orders, where there is one', () => {
    for (const host of ['127.0.0.1', undefined]) {
      const orders: unknown[] = [];
      const order = (_thread: number, each: unknown): void => void orders.push(each);
      new Listeners({ port: 7, host, threads: 1, order }).onThread(0);
      const listen = { type: 'listen', port: 7, share: 'alone' };
      expect(orders).to.deep.equal([host === undefined ? listen : { ...listen, host }]);
    }
  });
});
