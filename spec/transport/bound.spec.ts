// Sockets that are bound to own addresses: where dials come from, where is listened, and what happens
// when the addresses change.

import { expect } from 'chai';
import net from 'node:net';
import { once } from 'node:events';
import { mock } from 'node:test';
import { bindingTo } from '../../lib/transport/binding';
import type { OwnAddresses } from '../../lib/address/binding';
import type { Listener, StreamHandler } from '../../lib/transport/stream';
import { TcpTransport } from '../../lib/transport/tcp';

const NONE: OwnAddresses = { ipv4: undefined, ipv6: undefined };
const HANDLER: StreamHandler = {
  onOpen: () => undefined,
  onBytes: () => undefined,
  onError: () => undefined,
  onEnd: () => undefined,
  onClose: () => undefined,
};

/** Asks again until the answer is yes. */
async function until(ask: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await ask())) await new Promise((done) => setImmediate(done));
}

describe('transport: bound to own addresses', () => {
  let own = NONE;
  const transport = new TcpTransport({ own: () => own });
  const open: { close(): unknown }[] = [];
  afterEach(() => {
    mock.timers.reset();
    for (const one of open.splice(0)) one.close();
  });

  async function serverAt(host: string): Promise<{ port: number; from: Promise<unknown> }> {
    let came: (from: unknown) => void = () => undefined;
    const from = new Promise((done) => (came = done));
    const server = net.createServer((socket) => {
      came(socket.remoteAddress);
      socket.destroy();
    });
    open.push(server.listen(0, host));
    await once(server, 'listening');
    return { port: (server.address() as net.AddressInfo).port, from };
  }

  interface Listening {
    readonly listener: Listener;
    readonly port: Promise<number>;
    readonly failure: Promise<string>;
    readonly errors: Error[];
  }

  function listen(port = 0): Listening {
    const errors: Error[] = [];
    let failed: (text: string) => void = () => undefined;
    let listening: (port: number) => void = () => undefined;
    const observed = {
      port: new Promise<number>((done) => (listening = done)),
      failure: new Promise<string>((done) => (failed = done)),
      errors,
    };
    const listener = transport.listen(
      { port, host: undefined, share: 'alone' },
      {
        onListening: (taken) => listening(taken),
        onFailed: (code, message) => failed(`${code}: ${message}`),
        onIncoming: (stream) => stream.refuse(),
        onError: (error) => errors.push(error),
      },
    );
    open.push(listener);
    return { listener, ...observed };
  }

  const reaches = (port: number, host: string): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = net.connect({ port, host });
      socket.on('error', () => resolve(false));
      socket.on('connect', () => {
        socket.destroy();
        resolve(true);
      });
    });

  it('dials addresses and names from the address of their family', async () => {
    own = { ipv4: '127.0.0.9', ipv6: '::1' };
    for (const [listening, host, from] of [
      ['127.0.0.1', '127.0.0.1', '127.0.0.9'],
      ['127.0.0.1', 'localhost', '127.0.0.9'],
      ['::1', '::1', '::1'],
    ] as const) {
      const server = await serverAt(listening);
      const stream = transport.dial({ host, port: server.port }, HANDLER);
      expect(await server.from, host).to.equal(from);
      stream.destroy();
    }
  });

  it('dials no family without an address', async () => {
    own = { ipv4: '127.0.0.9', ipv6: undefined };
    const server = await serverAt('::1');
    const dial = (): unknown => transport.dial({ host: '::1', port: server.port }, HANDLER);
    expect(dial)
      .to.throw(/no address of that family/)
      .with.property('code', 'EAFNOSUPPORT');
    own = NONE;
    expect(dial)
      .to.throw(/has no address/)
      .with.property('code', 'ERR_NO_OWN_ADDRESS');
  });

  it('listens on one port of both addresses, and nowhere else', async () => {
    own = { ipv4: '127.0.0.9', ipv6: '::1' };
    const port = await listen().port;
    expect(await reaches(port, '127.0.0.9')).to.equal(true);
    expect(await reaches(port, '::1')).to.equal(true);
    expect(await reaches(port, '127.0.0.1')).to.equal(false);
  });

  it('does not listen without an address, or on a port that is taken', async () => {
    own = NONE;
    expect(await listen().failure).to.match(/^EADDRNOTAVAIL: .*has no address/);
    own = { ipv4: '127.0.0.9', ipv6: undefined };
    const taken = await serverAt('127.0.0.9');
    expect(await listen(taken.port).failure).to.match(/^EADDRINUSE/);
  });

  it('follows its addresses, and tries again until it has them', async () => {
    mock.timers.enable({ apis: ['setInterval'] });
    own = { ipv4: '127.0.0.9', ipv6: undefined };
    const bound = listen();
    const port = await bound.port;
    own = { ipv4: '127.0.0.10', ipv6: undefined };
    mock.timers.tick(1_000);
    await until(() => reaches(port, '127.0.0.10'));
    expect(await reaches(port, '127.0.0.9')).to.equal(false);
    own = NONE;
    mock.timers.tick(1_000);
    await until(async () => !(await reaches(port, '127.0.0.10')));
    // The address is here before the system lets it be used.
    own = { ipv4: '192.0.2.99', ipv6: undefined };
    mock.timers.tick(1_000);
    await until(() => bound.errors.length === 1);
    expect(bound.errors[0]).to.have.property('code', 'EADDRNOTAVAIL');
    own = { ipv4: '127.0.0.9', ipv6: undefined };
    mock.timers.tick(1_000);
    await until(() => reaches(port, '127.0.0.9'));
    bound.listener.close();
    await until(async () => !(await reaches(port, '127.0.0.9')));
  });

  it('keeps the last addresses while the system cannot list them', () => {
    let broken = false;
    const now = bindingTo('eth0', () => {
      if (broken) throw new Error('EMFILE');
      return { eth0: [{ address: '192.0.2.7', family: 'IPv4' }] };
    });
    const first = now();
    broken = true;
    expect(now()).to.equal(first).and.deep.equal({ ipv4: '192.0.2.7', ipv6: undefined });
  });
});
