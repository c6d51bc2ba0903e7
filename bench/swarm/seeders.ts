// Child process: many seeders behind one event loop, each on a port of its own, and a tracker that
// lists them all. They serve computed payloads without a copy, so that they are not the bottleneck.
//
// Takes its configuration as JSON in argv, prints one JSON line when it listens, ends with stdin.

import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { encode } from '../../lib/bencode/encode';
import { WireDecoder } from '../../lib/wire/decoder';
import { writePieceHeader } from '../../lib/wire/encoder';
import { HandshakeDecoder } from '../../lib/wire/handshake';
import { PIECE_HEADER_LENGTH_BYTES, MESSAGE_ID } from '../../lib/wire/messages';
import type { WireMessage, WireSink } from '../../lib/wire/messages';
import { Payload } from '../support/payload';
import type { PayloadShape } from '../support/payload';
import { extendedHandshake, fullBitfield, handshake, message } from './protocol';

export interface SeedersConfig {
  readonly host: string;
  readonly count: number;
  readonly torrents: readonly { readonly infoHash: string; readonly shape: PayloadShape }[];
}

export interface SeedersReady {
  readonly ports: readonly number[];
  readonly trackerPort: number;
}

/** Some clients request 128 KiB at once; none is known to request more. */
const MAX_REQUEST_BYTES = 131_072;
/** Headers of this many blocks are carved from one buffer. */
const HEADERS_PER_SLAB = 1024;

const UNCHOKE = message(MESSAGE_ID.unchoke);

/** One connection: answers every request at once, in order. */
class SeedConnection implements WireSink {
  readonly #socket: Socket;
  readonly #payloads: ReadonlyMap<string, Payload>;
  readonly #number: number;
  readonly #handshake = new HandshakeDecoder();
  #payload: Payload | undefined;
  #decoder: WireDecoder | undefined;
  #headers = Buffer.alloc(0);
  #headersUsed = 0;
  readonly #write = (part: Buffer): void => void this.#socket.write(part);

  constructor(socket: Socket, payloads: ReadonlyMap<string, Payload>, number: number) {
    this.#socket = socket;
    this.#payloads = payloads;
    this.#number = number;
    socket.setNoDelay(true);
    socket.on('error', () => undefined); // Clients may close in any way.
    socket.on('data', (bytes: Buffer) => this.#onBytes(bytes));
  }

  #onBytes(bytes: Buffer): void {
    this.#socket.cork();
    try {
      const start = this.#decoder === undefined ? this.#handshake.feed(bytes, 0, bytes.length) : 0;
      if (this.#decoder === undefined && this.#handshake.handshake !== undefined) this.#open();
      this.#decoder?.feed(bytes, start, bytes.length, this);
    } catch {
      // An encrypted handshake (aria2 and webtorrent come back in plain text), or nonsense.
      this.#socket.destroy();
    }
    this.#socket.uncork();
  }

  #open(): void {
    const theirs = this.#handshake.handshake;
    const infoHash = Buffer.from(theirs?.infoHash ?? []).toString('hex');
    const payload = this.#payloads.get(infoHash);
    if (theirs === undefined || payload === undefined) throw new Error('unknown torrent');
    this.#payload = payload;
    this.#decoder = new WireDecoder({ pieceCount: payload.pieceCount });
    this.#socket.write(handshake(infoHash, this.#number));
    if (((theirs.reserved[5] ?? 0) & 0x10) !== 0) this.#socket.write(extendedHandshake());
    this.#socket.write(fullBitfield(payload.pieceCount));
  }

  onMessage(message: WireMessage): void {
    if (message.type === 'interested') this.#socket.write(UNCHOKE);
    else if (message.type === 'request')
      this.#serve(message.piece, message.begin, message.lengthBytes);
  }

  onBlock(): void {
    throw new Error('a seeder was sent a block');
  }

  #serve(piece: number, begin: number, lengthBytes: number): void {
    const payload = this.#payload;
    if (payload === undefined || lengthBytes > MAX_REQUEST_BYTES) throw new Error('bad request');
    if (piece >= payload.pieceCount || begin + lengthBytes > payload.pieceBytes(piece)) {
      throw new Error('a request beyond the piece');
    }
    if (this.#headersUsed === this.#headers.length) {
      this.#headers = Buffer.allocUnsafe(HEADERS_PER_SLAB * PIECE_HEADER_LENGTH_BYTES);
      this.#headersUsed = 0;
    }
    const end = this.#headersUsed + PIECE_HEADER_LENGTH_BYTES;
    writePieceHeader(this.#headers, this.#headersUsed, piece, begin, lengthBytes);
    this.#socket.write(this.#headers.subarray(this.#headersUsed, end));
    this.#headersUsed = end;
    payload.visit(piece * payload.shape.pieceLengthBytes + begin, lengthBytes, this.#write);
  }
}

function listen(server: Server, host: string): Promise<number> {
  return new Promise((done, fail) => {
    server.once('error', fail);
    server.listen({ host, port: 0, backlog: 1024 }, () =>
      done((server.address() as AddressInfo).port),
    );
  });
}

/** Answers every announce with all seeders, as compact addresses (BEP 23). */
async function startTracker(host: string, ports: readonly number[]): Promise<number> {
  const address = Buffer.from(host.split('.').map(Number));
  const peers = Buffer.concat(
    ports.map((port) => Buffer.concat([address, Buffer.from([port >> 8, port & 0xff])])),
  );
  const reply = encode({ complete: ports.length, incomplete: 0, interval: 1800, peers });
  return listen(
    createHttpServer((_, response) => response.end(reply)),
    host,
  );
}

async function main(): Promise<void> {
  const config = JSON.parse(process.argv[2] ?? '') as SeedersConfig;
  const payloads = new Map(
    config.torrents.map(({ infoHash, shape }) => [infoHash, new Payload(shape)]),
  );
  const ports: number[] = [];
  for (let number = 0; number < config.count; number++) {
    const server = createServer((socket) => new SeedConnection(socket, payloads, number));
    ports.push(await listen(server, config.host));
  }
  const ready: SeedersReady = { ports, trackerPort: await startTracker(config.host, ports) };
  console.log(JSON.stringify(ready));
  process.stdin.resume().once('end', () => process.exit(0));
}

void main();
