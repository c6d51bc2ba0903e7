// A tracker that breaks the rules over HTTP and UDP, each URL in its own way, and also serves an
// honest URL that lists one seed.

import * as dgram from 'node:dgram';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { MIB } from '../../../lib/bytes/lengths';
import { encode } from '../../../lib/bencode/encode';
import {
  encodeAnnounceReply,
  encodeConnectReply,
  encodeError,
  isConnect,
} from '../../../lib/tracker/udp-codec';

/**
 * Ways to answer over HTTP, by what follows `/announce/` in the path. All but the liar's are
 * failures.
 */
export const HTTP_WAYS = ['endless', 'bomb', 'circle', 'garbage', 'broken-off'] as const;
/** Ways to answer over UDP that end at once. */
export const UDP_WAYS = ['short', 'wrong-action'] as const;

interface ReceivedAnnounce {
  readonly url: URL;
  readonly port: number;
}

export class HostileTracker {
  readonly #received: ReceivedAnnounce[] = [];
  #onAnnounce: () => void = () => undefined;
  readonly #http: http.Server;
  readonly #udp = new Map<string, dgram.Socket>();
  #httpPort = 0;

  private constructor() {
    this.#http = http.createServer((request, response) => this.#answer(request, response));
    this.#http.on('clientError', (_error, socket) => socket.destroy());
  }

  static async listen(): Promise<HostileTracker> {
    const tracker = new HostileTracker();
    tracker.#http.listen(0, '127.0.0.1');
    await once(tracker.#http, 'listening');
    tracker.#httpPort = (tracker.#http.address() as AddressInfo).port;
    for (const way of [...UDP_WAYS, 'flood', 'silent']) await tracker.#openUdp(way);
    return tracker;
  }

  http(way: (typeof HTTP_WAYS)[number] | 'liar' | 'silent'): string {
    return `http://127.0.0.1:${this.#httpPort}/announce/${way}`;
  }

  /** `flood`: a datagram full of dead addresses, after packets with wrong ids. */
  udp(way: (typeof UDP_WAYS)[number] | 'flood' | 'silent'): string {
    return `udp://127.0.0.1:${this.#udp.get(way)?.address().port}/announce`;
  }

  /** The events that were announced for this way, in order. */
  eventsAt(way: string): (string | null)[] {
    const here = this.#received.filter(({ url }) => url.pathname === `/announce/${way}`);
    return here.map(({ url }) => url.searchParams.get('event'));
  }

  /** Resolves when this event was announced for this way. */
  untilAnnounced(way: string, event: string): Promise<void> {
    return new Promise((resolve) => {
      this.#onAnnounce = (): void => {
        if (this.eventsAt(way).includes(event)) resolve();
      };
      this.#onAnnounce();
    });
  }

  async close(): Promise<void> {
    for (const socket of this.#udp.values()) socket.close();
    this.#http.closeAllConnections();
    await new Promise((done) => this.#http.close(done));
  }

  #answer(request: http.IncomingMessage, response: http.ServerResponse): void {
    const url = new URL(request.url ?? '', 'http://x');
    const asker = { url, port: Number(url.searchParams.get('port')) };
    this.#received.push(asker);
    this.#onAnnounce();
    response.on('error', () => undefined);
    switch (url.pathname.replace('/announce/', '')) {
      case 'liar':
        response.end(encode({ interval: 0, 'min interval': 0, peers: lies(asker) }));
        return;
      case 'endless': {
        const chunk = Buffer.alloc(MIB, 'd');
        // Ends with its connection: newer versions of Node take writes to a response without one
        // and call back at once.
        const more = (error?: Error | null): void => {
          if (!error && !response.destroyed && request.socket.writable) response.write(chunk, more);
        };
        return more();
      }
      case 'bomb':
        response.setHeader('Content-Encoding', 'gzip');
        response.end(BOMB);
        return;
      case 'circle':
        response.writeHead(302, { location: request.url }).end();
        return;
      case 'garbage':
        response.end('<html>buy our\u001b[2J things</html>');
        return;
      case 'broken-off':
        response.writeHead(200, { 'Content-Length': '1000' });
        response.write('d8:interval');
        response.destroy();
        return;
      default: // Silence.
    }
  }

  async #openUdp(way: string): Promise<void> {
    const socket = dgram.createSocket('udp4');
    this.#udp.set(way, socket);
    socket.on('message', (packet, from) => {
      const send = (bytes: Uint8Array): void => socket.send(bytes, from.port, from.address);
      const id = packet.readUInt32BE(12);
      if (way === 'silent') return;
      if (isConnect(packet)) return send(encodeConnectReply(id, Buffer.alloc(8, 1)));
      if (way === 'short') return send(answer(id).subarray(0, 9));
      if (way === 'wrong-action') return send(encodeConnectReply(id, Buffer.alloc(8, 2)));
      send(encodeError((id ^ 1) >>> 0, 'another request failed'));
      send(Buffer.alloc(3));
      send(answer((id + 1) >>> 0));
      send(answer(id, deadEnds(10_000)));
    });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
  }
}

const BOMB = gzipSync(Buffer.alloc(64 * MIB));

function answer(id: number, peers: Uint8Array = Buffer.alloc(0)): Buffer {
  return encodeAnnounceReply(id, 0, { seeds: 1e6, leechers: 0 }, peers);
}

/** Addresses of this machine without a listener. */
function deadEnds(count: number): Buffer {
  const peers = Buffer.alloc(6 * count);
  for (let n = 0; n < count; n++) {
    peers.set([127, 77, n >> 8, n & 0xff, 0, 9], 6 * n);
  }
  return peers;
}

/**
 * Samples of every unusable address, the client's own, and dead ends up to the limit of a reply.
 */
function lies({ port }: ReceivedAnnounce): Buffer {
  const own = [127, 0, 0, 1, port >> 8, port & 0xff];
  const nobody = [
    ...[10, 0, 0, 1, 0, 0], // port 0
    ...[224, 0, 0, 1, 0x1a, 0xe1],
    ...[255, 255, 255, 255, 0x1a, 0xe1],
    ...[0, 0, 0, 0, 0x1a, 0xe1],
    ...[240, 0, 0, 1, 0x1a, 0xe1],
  ];
  return Buffer.concat([Buffer.from([...own, ...nobody]), deadEnds(60_000), deadEnds(60_000)]);
}
