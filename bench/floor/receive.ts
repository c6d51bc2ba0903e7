// The floor: the cheapest Node program that moves the same bytes. Sockets read into one reused
// buffer, blocks go to a shared buffer, threads hash and write whole pieces. No choking, no
// picking, no leases, no time-outs, no resume, no checks of peers. Every other figure can be read
// as a multiple of this one.
//
// Takes its configuration as JSON in argv; exit code 0 when every piece is verified and written.

import { closeSync, ftruncateSync, mkdirSync, openSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';

export interface FloorConfig {
  readonly infoHash: string;
  readonly totalBytes: number;
  readonly pieceLengthBytes: number;
  /** File with the SHA-1 digests of all pieces, back to back. */
  readonly hashesPath: string;
  /** `host:port` */
  readonly peers: readonly string[];
  readonly output: string;
  /** Threads that hash and write. */
  readonly threads: number;
}

export interface WriterStart {
  readonly slab: SharedArrayBuffer;
  readonly config: FloorConfig;
}

const BLOCK_BYTES = 16_384;
/** The engine's default budget. */
const MEMORY_BYTES = 64 * 1024 * 1024;
const MIN_SLOTS = 4;
const DEPTH = 250;
const REFILL = 32;
const READ_BUFFER_BYTES = 262_144;
const HANDSHAKE_BYTES = 68;
const HEAD_BYTES = 13;
const UNCHOKE_ID = 1;
const PIECE_ID = 7;

const config = JSON.parse(process.argv[2] ?? '') as FloorConfig;
const { totalBytes, pieceLengthBytes } = config;
const pieceCount = Math.ceil(totalBytes / pieceLengthBytes);
const slotCount = Math.max(MIN_SLOTS, Math.floor(MEMORY_BYTES / pieceLengthBytes));
const slab = new SharedArrayBuffer(slotCount * pieceLengthBytes);
const slabBytes = Buffer.from(slab);
const freeSlots = Array.from({ length: slotCount }, (_, slot) => slot);
const slotOf = new Int32Array(pieceCount);
const missingBlocks = new Int32Array(pieceCount);
const readBuffer = Buffer.allocUnsafe(READ_BUFFER_BYTES);

let nextPiece = 0;
let piece = -1;
let pieceBytes = 0;
let begin = 0;
let written = 0;
let full: number[] = [];
let nextWriter = 0;

/** Moves on to the next block to ask for; false when all are asked for or no slot is free. */
function advance(): boolean {
  if (begin < pieceBytes) return true;
  const slot = nextPiece < pieceCount ? freeSlots.pop() : undefined;
  if (slot === undefined) return false;
  piece = nextPiece++;
  pieceBytes = Math.min(pieceLengthBytes, totalBytes - piece * pieceLengthBytes);
  begin = 0;
  slotOf[piece] = slot;
  missingBlocks[piece] = Math.ceil(pieceBytes / BLOCK_BYTES);
  return true;
}

class Peer {
  readonly #socket: Socket;
  readonly #head = Buffer.alloc(HEAD_BYTES);
  #headBytes = 0;
  #skipBytes = HANDSHAKE_BYTES;
  #blockBytes = 0;
  #target = 0;
  #piece = 0;
  #outstanding = 0;
  #unchoked = false;

  constructor(address: string) {
    const [host = '', port] = address.split(':');
    const callback = (readBytes: number): boolean => {
      this.#onBytes(readBytes);
      this.refill();
      return true;
    };
    this.#socket = connect({
      host,
      port: Number(port),
      noDelay: true,
      onread: { buffer: readBuffer, callback },
    });
    const hello = Buffer.alloc(HANDSHAKE_BYTES);
    hello[0] = 19;
    hello.write('BitTorrent protocol', 1, 'latin1');
    hello.write(config.infoHash, 28, 'hex');
    hello.write('-FL0001-000000000000', 48, 'latin1');
    this.#socket.write(hello);
    this.#socket.write(Buffer.from([0, 0, 0, 1, 2])); // interested
  }

  refill(): void {
    if (!this.#unchoked || this.#outstanding > DEPTH - REFILL || !advance()) return;
    const requests = Buffer.allocUnsafe((DEPTH - this.#outstanding) * 17);
    let at = 0;
    while (this.#outstanding < DEPTH && advance()) {
      requests.writeUInt32BE(13, at);
      requests[at + 4] = 6;
      requests.writeUInt32BE(piece, at + 5);
      requests.writeUInt32BE(begin, at + 9);
      requests.writeUInt32BE(Math.min(BLOCK_BYTES, pieceBytes - begin), at + 13);
      begin += BLOCK_BYTES;
      at += 17;
      this.#outstanding++;
    }
    this.#socket.write(requests.subarray(0, at));
  }

  end(): void {
    this.#socket.destroy();
  }

  #onBytes(end: number): void {
    for (let at = 0; at < end;) {
      if (this.#blockBytes > 0) at += this.#copy(at, end);
      else if (this.#skipBytes > 0) {
        const skipped = Math.min(this.#skipBytes, end - at);
        this.#skipBytes -= skipped;
        at += skipped;
      } else {
        this.#head[this.#headBytes++] = readBuffer[at++] ?? 0;
        if (this.#headBytes >= 5) this.#onHead();
      }
    }
  }

  #onHead(): void {
    const id = this.#head[4];
    if (id === PIECE_ID) {
      if (this.#headBytes < HEAD_BYTES) return;
      this.#piece = this.#head.readUInt32BE(5);
      this.#blockBytes = this.#head.readUInt32BE(0) - 9;
      this.#target = (slotOf[this.#piece] ?? 0) * pieceLengthBytes + this.#head.readUInt32BE(9);
    } else {
      if (id === UNCHOKE_ID) this.#unchoked = true;
      this.#skipBytes = this.#head.readUInt32BE(0) - 1;
    }
    this.#headBytes = 0;
  }

  #copy(at: number, end: number): number {
    const copied = Math.min(this.#blockBytes, end - at);
    // One memcpy; `set` into shared memory goes byte by byte where alignments differ.
    slabBytes.fill(readBuffer.subarray(at, at + copied), this.#target, this.#target + copied);
    this.#target += copied;
    this.#blockBytes -= copied;
    if (this.#blockBytes === 0) {
      this.#outstanding--;
      const left = (missingBlocks[this.#piece] ?? 0) - 1;
      missingBlocks[this.#piece] = left;
      if (left === 0) onFull(this.#piece);
    }
    return copied;
  }
}

function onFull(done: number): void {
  if (full.length === 0) setImmediate(handOver);
  full.push(done, slotOf[done] ?? 0);
}

/** All pieces that filled up in this turn go to one thread. */
function handOver(): void {
  writers[nextWriter++ % writers.length]?.postMessage(full);
  full = [];
}

function onWritten(slots: readonly number[]): void {
  freeSlots.push(...slots);
  written += slots.length;
  if (written === pieceCount) {
    for (const peer of peers) peer.end();
    for (const writer of writers) writer.postMessage('end');
  } else {
    for (const peer of peers) peer.refill();
  }
}

mkdirSync(dirname(config.output), { recursive: true });
const file = openSync(config.output, 'w');
ftruncateSync(file, totalBytes);
closeSync(file);
const writers = Array.from({ length: config.threads }, () => {
  const workerData: WriterStart = { slab, config };
  const writer = new Worker(join(__dirname, 'write.js'), { workerData });
  writer.on('message', onWritten);
  writer.on('error', (error) => {
    console.error(error.message);
    process.exit(1);
  });
  return writer;
});
const peers = config.peers.map((address) => new Peer(address));
