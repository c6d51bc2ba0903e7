// Child process: leechers that share the work of fetching one payload from one seed, compare every
// byte with the expected one, and keep nothing.
//
// Takes its configuration as JSON in argv, connects, prints `ready`, begins at the first byte on
// stdin, prints one JSON line when the last byte is there; a failure is exit code 1.

import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { WireDecoder } from '../../lib/wire/decoder';
import { WireWriter } from '../../lib/wire/encoder';
import { HandshakeDecoder } from '../../lib/wire/handshake';
import type { WireMessage, WireSink } from '../../lib/wire/messages';
import { Payload, WINDOW_BYTES } from '../support/payload';
import type { PayloadShape } from '../support/payload';
import { handshake } from './protocol';

export interface LeechersConfig {
  readonly host: string;
  readonly port: number;
  readonly count: number;
  readonly infoHash: string;
  readonly shape: PayloadShape;
}

export interface LeechersDone {
  /**
   * From the first interest to the first unchoke; this wait depends on the seed's choking policy.
   */
  readonly waitSec: number;
  /** From the first unchoke to the last byte. */
  readonly wallSec: number;
}

/** Requests outstanding per leecher: 4 MiB, and the limit of seeds that send no `reqq` (250). */
const DEPTH = 250;
/** Requests go out in groups, as real clients send them. */
const REFILL = 32;
const READ_BUFFER_BYTES = 262_144;
/** Time without a byte for any leecher after which the seed is given up. */
const STALL_MS = 60_000;

const readBuffer = Buffer.allocUnsafe(READ_BUFFER_BYTES);
let lastBlockMs = performance.now();
let firstUnchokeMs: number | undefined;

/** Fetches pieces `number`, `number + count`, … */
class Leecher implements WireSink {
  readonly #payload: Payload;
  readonly #count: number;
  readonly #handshake = new HandshakeDecoder();
  readonly #decoder: WireDecoder;
  readonly #writer = new WireWriter();
  readonly #socket: Socket;
  readonly #onDone: () => void;
  #unchoked = false;
  #piece: number;
  #begin = 0;
  #outstanding: { readonly piece: number; readonly begin: number }[] = [];

  constructor(config: LeechersConfig, payload: Payload, number: number, onDone: () => void) {
    this.#payload = payload;
    this.#count = config.count;
    this.#piece = number;
    this.#onDone = onDone;
    this.#decoder = new WireDecoder({ pieceCount: payload.pieceCount });
    const callback = (readBytes: number, bytes: Uint8Array): boolean => {
      this.#onBytes(bytes, readBytes);
      return true;
    };
    const { host, port } = config;
    this.#socket = connect({ host, port, noDelay: true, onread: { buffer: readBuffer, callback } });
    this.#socket.on('error', (error) => fail(`leecher ${number}: ${error.message}`));
    this.#socket.on('end', () => fail(`leecher ${number}: the seed closed the connection`));
    this.#socket.write(handshake(config.infoHash, number));
  }

  /** Declares interest. */
  start(): void {
    this.#writer.interested();
    this.#flush();
    if (this.#piece >= this.#payload.pieceCount) this.#end();
  }

  #onBytes(bytes: Uint8Array, end: number): void {
    const start = this.#handshake.handshake === undefined ? this.#handshake.feed(bytes, 0, end) : 0;
    this.#decoder.feed(bytes, start, end, this);
    this.#refill();
  }

  onMessage(message: WireMessage): void {
    if (message.type === 'unchoke') {
      this.#unchoked = true;
      firstUnchokeMs ??= performance.now();
    }
    if (message.type !== 'choke') return;
    this.#unchoked = false; // Outstanding requests are dropped by the choke (BEP 3) and made again.
    const [first] = this.#outstanding;
    if (first === undefined) return;
    this.#outstanding = [];
    this.#piece = first.piece;
    this.#begin = first.begin;
  }

  onBlock(piece: number, begin: number, bytes: Uint8Array, start: number, end: number): void {
    // Seeds mostly answer in order, but need not, as they read from a disk.
    const at = this.#outstanding.findIndex((one) => one.piece === piece && one.begin === begin);
    if (at === -1) return; // requested before a choke, and sent nevertheless
    const { shape } = this.#payload;
    if (!this.#payload.matches(piece * shape.pieceLengthBytes + begin, bytes, start, end)) {
      fail(`piece ${piece} has wrong bytes at ${begin}`);
    }
    if (at === 0) this.#outstanding.shift();
    else this.#outstanding.splice(at, 1);
    lastBlockMs = performance.now();
  }

  #refill(): void {
    const { pieceCount } = this.#payload;
    if (this.#unchoked && this.#outstanding.length <= DEPTH - REFILL) {
      while (this.#outstanding.length < DEPTH && this.#piece < pieceCount) this.#request();
    }
    this.#flush();
    if (this.#outstanding.length === 0 && this.#piece >= pieceCount) this.#end();
  }

  #request(): void {
    const pieceBytes = this.#payload.pieceBytes(this.#piece);
    this.#writer.request(
      this.#piece,
      this.#begin,
      Math.min(WINDOW_BYTES, pieceBytes - this.#begin),
    );
    this.#outstanding.push({ piece: this.#piece, begin: this.#begin });
    this.#begin += WINDOW_BYTES;
    if (this.#begin < pieceBytes) return;
    this.#piece += this.#count;
    this.#begin = 0;
  }

  #flush(): void {
    // aria2 drops a peer that sends more than its handshake before it has answered.
    if (this.#handshake.handshake === undefined) return;
    const message = this.#writer.take();
    if (message !== undefined) this.#socket.write(message);
  }

  #end(): void {
    if (this.#socket.destroyed) return;
    this.#socket.destroy();
    this.#onDone();
  }
}

function fail(reason: string): never {
  console.error(reason);
  process.exit(1);
}

function main(): void {
  const config = JSON.parse(process.argv[2] ?? '') as LeechersConfig;
  const payload = new Payload(config.shape);
  let startedMs = 0;
  let left = config.count;
  const onDone = (): void => {
    if (--left > 0) return;
    const beganMs = firstUnchokeMs ?? startedMs;
    const done: LeechersDone = {
      waitSec: (beganMs - startedMs) / 1000,
      wallSec: (performance.now() - beganMs) / 1000,
    };
    console.log(JSON.stringify(done));
    process.exit(0);
  };
  const leechers = Array.from(
    { length: config.count },
    (_, number) => new Leecher(config, payload, number, onDone),
  );
  process.stdin.once('data', () => {
    startedMs = lastBlockMs = performance.now();
    for (const leecher of leechers) leecher.start();
    setInterval(() => {
      if (performance.now() - lastBlockMs > STALL_MS) fail(`no block for ${STALL_MS} ms`);
    }, 1000);
  });
  console.log('ready');
}

main();
