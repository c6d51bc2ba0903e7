// EDGE. The UDP socket of our tracker: for each received packet, at most one is sent.

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
  /** Random bytes, from which unpredictable connection ids are derived. */
  readonly secret: Uint8Array;
}

export interface ListeningServer {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Holds a burst of 10,000 announces during a busy turn of the event loop (the system may limit it).
 */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

/**
 * Most replies that the system has not sent yet; 1.2 KB each make 10 MB. More are dropped, as UDP
 * allows.
 */
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
    // With or without an error: an unreachable client does not concern the tracker.
    waiting -= 1;
  };
  socket.on('message', (packet, from) => {
    const reply = answerPacket(packet, from.address, { tracker, cookies, nowMs: now() });
    if (reply === undefined || waiting >= MAX_REPLIES_WAITING) return;
    waiting += 1;
    try {
      socket.send(reply, 0, reply.length, from.port, from.address, sent);
    } catch {
      sent(); // Source port 0, which only forged packets have.
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
      // Errors from `send` or ICMP messages concern a single client.
      socket.on('error', () => undefined);
      resolve({
        port: socket.address().port,
        close: () => new Promise((done) => socket.close(done)),
      });
    });
  });
}
