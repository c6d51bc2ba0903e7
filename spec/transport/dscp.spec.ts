// Marked packets: on a Node that can mark them, both ends of a stream are.

import { expect } from 'chai';
import net from 'node:net';
import { once } from 'node:events';
import { canMark, mark } from '../../lib/transport/dscp';
import { TcpTransport } from '../../lib/transport/tcp';
import type { StreamHandler } from '../../lib/transport/stream';

describe('transport: DSCP', () => {
  it('is the upper six bits of the field', () => {
    const set: number[] = [];
    const socket = Object.assign(new net.Socket(), {
      setTypeOfService: (value: number) => void set.push(value),
    });
    mark(socket, 46);
    expect(set).to.deep.equal([184]);
    expect(canMark(socket)).to.equal(true);
  });

  it('does nothing to a socket that has closed, or on a Node that cannot', () => {
    const closed = Object.assign(new net.Socket(), {
      setTypeOfService: () => {
        throw new Error('EBADF');
      },
    });
    mark(closed, 8);
    mark({} as net.Socket, 8);
    expect(canMark({})).to.equal(false);
  });

  it('is set on dialled and accepted streams, as far as this Node can', async () => {
    const opened: net.Socket[] = [];
    const { connect } = net;
    net.connect = ((...args: Parameters<typeof connect>) => {
      const socket = connect(...args);
      opened.push(socket);
      return socket;
    }) as typeof connect;
    try {
      const server = net.createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as net.AddressInfo;
      const quiet = (): void => undefined;
      const stream = await new Promise<{ destroy(): void }>((done) => {
        const handler: StreamHandler = {
          onOpen: () => done(dialled),
          onBytes: quiet,
          onError: quiet,
          onEnd: quiet,
          onClose: quiet,
        };
        const dialled = new TcpTransport({ dscp: 10 }).dial({ host: '127.0.0.1', port }, handler);
      });
      const socket = opened[0] as { getTypeOfService?: () => number } | undefined;
      expect(socket?.getTypeOfService?.()).to.equal(canMark() ? 40 : undefined);
      stream.destroy();
      server.close();
    } finally {
      net.connect = connect;
    }
  });
});
