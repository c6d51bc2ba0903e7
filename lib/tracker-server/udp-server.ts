// EDGE. The UDP socket of our tracker: a packet in, at most one out.

import * as dgram from 'node:dgram';
import { isIPv6 } from 'node:net';
import { listenFailed } from './listen-failed';
import type { Tracker } from './tracker';
import { UdpCookies } from './udp-cookie';
import { answerPacket } from './udp-answer';

export interface UdpServerOptions {
  readonly host: string;
  readonly port: number;
  readonly tracker: Tracker;
  readonly now: () => number;
  /** Random: makes connection ids that nobody can guess. */
  readonly secret: Uint8Array;
}

export interface ListeningServer {
  readonly port: number;
  close(): Promise<void>;
}

/** A burst of 10,000 announces waits here while one turn of the loop is busy (the system may cap it). */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

/** Replies that the system has not taken yet; at 1.2 KB each 10 MB. More are dropped, as UDP may. */
const MAX_REPLIES_WAITING = 8192;

export function startUdpServer({
  host,
  port,
  tracker,
  now,
  secret,
}: UdpServerOptions): Promise<ListeningServer> {
  const cookies = new UdpCookies(secret);
  const socket = dgram.createSocket({
    type: isIPv6(host) ? 'udp6' : 'udp4',
    recvBufferSize: RECEIVE_BUFFER_BYTES,
  });
  let waiting = 0;
  const sent = (): void => {
    // With or without an error: a client that cannot be reached is no concern of the tracker.
    waiting -= 1;
  };
  socket.on('message', (packet, from) => {
    const reply = answerPacket(packet, from.address, { tracker, cookies, nowMs: now() });
    if (reply === undefined || waiting >= MAX_REPLIES_WAITING) return;
    waiting += 1;
    try {
      socket.send(reply, 0, reply.length, from.port, from.address, sent);
    } catch {
      sent(); // Source port 0, which only a forger has.
    }
  });
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      socket.close();
      reject(listenFailed('UDP', host, port, error));
    };
    socket.once('error', onError);
    socket.bind(port, host, () => {
      socket.off('error', onError);
      // What `send` or an ICMP message brings back concerns one client.
      socket.on('error', () => undefined);
      resolve({
        port: socket.address().port,
        close: () => new Promise((done) => socket.close(done)),
      });
    });
  });
}
