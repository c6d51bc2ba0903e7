// Ports of one thread, of several, and of others: which listeners get one, and which must not.

import { expect } from 'chai';
import net from 'node:net';
import { once } from 'node:events';
import { mock } from 'node:test';
import { canSharePorts, claimPort } from '../../lib/transport/port-claim';
import type { ListenAt } from '../../lib/transport/stream';
import { TcpTransport } from '../../lib/transport/tcp';

describe('transport/tcp-listener', () => {
  const open: { close(): unknown }[] = [];
  afterEach(() => {
    for (const one of open.splice(0)) one.close();
  });

  /** The port listened on, or the code of the error. */
  function listen(port: number, share: ListenAt['share'], host?: string): Promise<number | string> {
    return new Promise((resolve) => {
      const listener = new TcpTransport().listen(
        { port, host, share },
        {
          onListening: resolve,
          onFailed: resolve,
          onIncoming: (stream) => stream.refuse(),
          onError: (error) => resolve(error.message),
        },
      );
      open.push(listener);
    });
  }

  /** A program that is no Millrace. */
  async function stranger(options: Record<string, unknown>): Promise<number> {
    const server = net.createServer().listen({ port: 0, ...options });
    open.push(server);
    await once(server, 'listening');
    return (server.address() as net.AddressInfo).port;
  }

  it('can share ports exactly where two servers can listen on one', async () => {
    const port = await stranger({ reusePort: true, host: '127.0.0.1' });
    const second = net
      .createServer()
      .listen({ port, reusePort: true, host: '127.0.0.1' } as object);
    open.push(second);
    const outcome = await new Promise((resolve) => {
      second.once('listening', () => resolve(true));
      second.once('error', () => resolve(false));
    });
    expect(canSharePorts()).to.equal(outcome);
  });

  for (const host of [undefined, '127.0.0.1', '::1']) {
    it(`lets only threads of the engine share the port on ${host ?? 'all addresses'}`, async () => {
      for (const wanted of ['picked', 'given'] as const) {
        const free = await listen(0, 'alone', host);
        open.splice(0).forEach((one) => one.close());
        const port = await listen(wanted === 'picked' ? 0 : (free as number), 'first', host);
        expect(port).to.be.a('number');
        const joined = canSharePorts() ? port : 'EADDRINUSE';
        expect(await listen(port as number, 'beside', host)).to.equal(joined);
        expect(await listen(port as number, 'beside', host)).to.equal(joined);
        expect(await listen(port as number, 'first', host), 'another first').to.equal('EADDRINUSE');
        expect(await listen(port as number, 'alone', host), 'one alone').to.equal('EADDRINUSE');
        expect(await listen(port as number, 'alone'), 'everywhere').to.equal('EADDRINUSE');
      }
    });
  }

  it('does not share what another program has, even if that would', async () => {
    for (const theirs of [{}, { reusePort: true }]) {
      for (const [at, ours] of [
        ['127.0.0.1', '127.0.0.1'],
        ['127.0.0.1', undefined],
        ['::', '127.0.0.1'],
        ['::', undefined],
      ] as const) {
        const port = await stranger({ ...theirs, host: at });
        expect(await listen(port, 'first', ours), `${at} and ${ours}`).to.equal('EADDRINUSE');
      }
    }
  });

  it('listens on one port of two addresses', async () => {
    const port = (await listen(0, 'first', '127.0.0.1')) as number;
    expect(await listen(port, 'first', '127.0.0.2')).to.equal(port);
  });

  it('takes connections with every listener of a port', async function () {
    const port = (await listen(0, 'first', '127.0.0.1')) as number;
    if (canSharePorts()) await listen(port, 'beside', '127.0.0.1');
    for (let n = 0; n < 20; n++) {
      const socket = net.connect(port, '127.0.0.1');
      await once(socket, 'close'); // refused by us, so it was accepted
    }
  });

  it('is closed also while it opens', async () => {
    const port = await stranger({ host: '127.0.0.1' });
    open.splice(0).forEach((one) => one.close());
    let listening = 0;
    const events = {
      onListening: () => (listening += 1),
      onFailed: () => (listening += 1),
      onIncoming: () => undefined,
      onError: () => undefined,
    };
    const transport = new TcpTransport();
    for (const share of ['alone', 'first'] as const) {
      transport.listen({ port, host: '127.0.0.1', share }, events).close();
    }
    expect(await listen(port, 'alone', '127.0.0.1')).to.equal(port);
    expect(listening).to.equal(0);
  });
});

describe('transport/port-claim', () => {
  it('gives the name of a port to one at a time', async () => {
    const port = 65_536 + 2 * process.pid; // no engine on this machine has such a one
    const first = await claimPort(port);
    expect(await claimPort(port)).to.equal(undefined);
    const other = await claimPort(port + 1);
    expect(other).to.not.equal(undefined);
    first?.release();
    const next = await claimPort(port);
    expect(next).to.not.equal(undefined);
    for (const claim of [next, other]) claim?.release();
  });

  it('outlives connections to the name that cannot be accepted', async () => {
    const { mock: made } = mock.method(net, 'createServer');
    const claim = await claimPort(65_536 + 2 * process.pid);
    const name = made.calls[0]?.result as net.Server;
    mock.restoreAll();
    const full = Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' });
    for (let times = 0; times < 2; times++) expect(name.emit('error', full)).to.equal(true);
    claim?.release();
  });
});
