// A seed controlled by a spec: honest by default; it can send wrong bytes, stall at a gate,
// trickle, choke, or have only some pieces. It uses the wire codec alone and runs in the spec's own
// thread.

import { once } from 'node:events';
import net from 'node:net';
import { Bitfield } from '../../../lib/bytes/bitfield';
import { WireDecoder } from '../../../lib/wire/decoder';
import { WireWriter, writePieceHeader } from '../../../lib/wire/encoder';
import { PIECE_HEADER_LENGTH_BYTES } from '../../../lib/wire/messages';
import { encodeExtendedHandshake } from '../../../lib/wire/extended-handshake';
import { HandshakeDecoder, encodeHandshake } from '../../../lib/wire/handshake';
import type { WireMessage, WireSink } from '../../../lib/wire/messages';
import type { Payload } from '../payload';

export interface SeedScript {
  /** Changes a block before it is sent; the bytes are a copy. */
  readonly alter?: (piece: number, begin: number, block: Buffer) => void;
  /** Blocks sent before it stops at the gate; `open()` lets the rest through. Default no gate. */
  readonly gateAfterBlocks?: number;
  /** Default: as fast as it can. */
  readonly bytesPerSec?: number;
  /** Never unchokes. */
  readonly choking?: boolean;
  /** Unchokes only for `forMs` of every `everyMs`; a choke drops the waiting requests. */
  readonly unchokes?: { readonly forMs: number; readonly everyMs: number };
  /** Delay before it handles a message. Default none. */
  readonly latencyMs?: number;
  /** The `reqq` that it sends. Default: not sent. */
  readonly requestQueue?: number;
  /** Only these pieces. Default all. */
  readonly pieces?: readonly number[];
  /** 20 characters. Default one of its own. */
  readonly peerId?: string;
}

interface Request {
  readonly peer: SeedPeer;
  readonly piece: number;
  readonly begin: number;
  readonly lengthBytes: number;
}

/** Interval at which a trickling seed sends its share of a second's bytes. */
const TRICKLE_INTERVAL_MS = 20;

let seeds = 0;

export class ScriptedSeed {
  readonly payload: Payload;
  readonly script: SeedScript;
  readonly peerId: Buffer;
  port = 0;
  blocksSent = 0;
  bytesSent = 0;
  /** Connections that completed a handshake, ever. */
  connections = 0;
  readonly #server: net.Server;
  readonly #peers = new Set<SeedPeer>();
  #queue: Request[] = [];
  #gateBlocks: number;
  #budgetBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #turns: NodeJS.Timeout | undefined;
  /** True while it chokes all peers. */
  choked = false;
  #waiters: (() => void)[] = [];

  private constructor(payload: Payload, script: SeedScript) {
    this.payload = payload;
    this.script = script;
    this.peerId = Buffer.from(script.peerId ?? `-SC0000-${String(++seeds).padStart(12, '0')}`);
    this.#gateBlocks = script.gateAfterBlocks ?? Infinity;
    this.#server = net.createServer((socket) => {
      const peer = new SeedPeer(this, socket);
      this.#peers.add(peer);
      socket.on('close', () => {
        this.#peers.delete(peer);
        this.#queue = this.#queue.filter((request) => request.peer !== peer);
        this.#wake();
      });
    });
  }

  static async listen(payload: Payload, script: SeedScript = {}): Promise<ScriptedSeed> {
    const seed = new ScriptedSeed(payload, script);
    seed.#server.listen(0, '127.0.0.1');
    await once(seed.#server, 'listening');
    seed.port = (seed.#server.address() as net.AddressInfo).port;
    if (script.bytesPerSec !== undefined) {
      seed.#timer = setInterval(() => seed.#trickle(), TRICKLE_INTERVAL_MS);
    }
    if (script.unchokes !== undefined) seed.#takeTurns(script.unchokes);
    return seed;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Peers connected now. */
  get connected(): number {
    return this.#peers.size;
  }

  /** Requests that wait at the gate. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Resolves once `wanted` holds; checked after every send, request and close. */
  async until(wanted: (seed: ScriptedSeed) => boolean): Promise<void> {
    while (!wanted(this)) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  /** Opens the gate, or moves it to `gateAfterBlocks`. */
  open(gateAfterBlocks = Infinity): void {
    this.#gateBlocks = gateAfterBlocks;
    this.#pump();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    clearTimeout(this.#turns);
    for (const peer of this.#peers) peer.socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  // ---- for its connections ----

  onHandshake(): void {
    this.connections++;
    this.#wake();
  }

  onRequest(request: Request): void {
    this.#queue.push(request);
    this.#pump();
    this.#wake();
  }

  onCancel(peer: SeedPeer, piece: number, begin: number): void {
    this.#queue = this.#queue.filter(
      (request) => request.peer !== peer || request.piece !== piece || request.begin !== begin,
    );
  }

  bitfield(): Bitfield {
    const bits = new Bitfield(this.payload.metainfo.pieceCount);
    if (this.script.pieces) for (const piece of this.script.pieces) bits.set(piece);
    else bits.setAll();
    return bits;
  }

  #takeTurns({ forMs, everyMs }: { readonly forMs: number; readonly everyMs: number }): void {
    const turn = (choked: boolean): void => {
      this.choked = choked;
      if (choked) this.#queue = [];
      for (const peer of this.#peers) peer.sayChoked();
      this.#turns = setTimeout(() => turn(!choked), choked ? everyMs - forMs : forMs);
    };
    turn(true);
  }

  #trickle(): void {
    const perTurn = ((this.script.bytesPerSec ?? 0) * TRICKLE_INTERVAL_MS) / 1000;
    this.#budgetBytes = Math.min(this.#budgetBytes + perTurn, Math.max(perTurn, 16_384));
    this.#pump();
  }

  #pump(): void {
    const { bytesPerSec } = this.script;
    for (let next = this.#queue[0]; next; next = this.#queue[0]) {
      if (this.blocksSent >= this.#gateBlocks) return;
      if (bytesPerSec !== undefined && this.#budgetBytes < next.lengthBytes) return;
      this.#budgetBytes -= next.lengthBytes;
      this.#queue.shift();
      this.#send(next);
    }
  }

  #send({ peer, piece, begin, lengthBytes }: Request): void {
    const at = piece * this.payload.metainfo.pieceLengthBytes + begin;
    const message = Buffer.alloc(PIECE_HEADER_LENGTH_BYTES + lengthBytes);
    writePieceHeader(message, 0, piece, begin, lengthBytes);
    this.payload.bytes.copy(message, PIECE_HEADER_LENGTH_BYTES, at, at + lengthBytes);
    this.script.alter?.(piece, begin, message.subarray(PIECE_HEADER_LENGTH_BYTES));
    peer.socket.write(message);
    this.blocksSent++;
    this.bytesSent += lengthBytes;
    this.#wake();
  }

  #wake(): void {
    for (const waiter of this.#waiters.splice(0)) waiter();
  }
}

/** One connection to the seed. */
class SeedPeer implements WireSink {
  readonly socket: net.Socket;
  readonly #seed: ScriptedSeed;
  readonly #handshake = new HandshakeDecoder();
  readonly #decoder: WireDecoder;
  #interested = false;

  constructor(seed: ScriptedSeed, socket: net.Socket) {
    this.#seed = seed;
    this.socket = socket;
    this.#decoder = new WireDecoder({ pieceCount: seed.payload.metainfo.pieceCount });
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    const receive = (chunk: Buffer): void => {
      try {
        this.#onData(chunk);
      } catch {
        socket.destroy();
      }
    };
    const { latencyMs } = seed.script;
    if (latencyMs === undefined) socket.on('data', receive);
    else socket.on('data', (chunk: Buffer) => setTimeout(receive, latencyMs, chunk));
  }

  onBlock(): void {}

  onMessage(message: WireMessage): void {
    if (message.type === 'request' && !this.#seed.choked)
      this.#seed.onRequest({ peer: this, ...message });
    if (message.type === 'cancel') this.#seed.onCancel(this, message.piece, message.begin);
    if (message.type === 'interested') {
      this.#interested = true;
      if (!this.#seed.script.choking && !this.#seed.choked) this.sayChoked();
    }
  }

  /** Chokes or unchokes the peer, as the seed does at present. */
  sayChoked(): void {
    if (!this.#interested) return;
    const writer = new WireWriter();
    if (this.#seed.choked) writer.choke();
    else writer.unchoke();
    this.#write(writer);
  }

  #onData(chunk: Buffer): void {
    let used = 0;
    if (!this.#handshake.handshake) {
      used = this.#handshake.feed(chunk, 0, chunk.length);
      if (!this.#handshake.handshake) return;
      const { infoHash } = this.#seed.payload.metainfo;
      this.socket.write(encodeHandshake({ infoHash, peerId: this.#seed.peerId }));
      const writer = new WireWriter();
      const { requestQueue } = this.#seed.script;
      if (requestQueue !== undefined)
        writer.extended(0, encodeExtendedHandshake({ extensions: {}, requestQueue }));
      writer.bitfield(this.#seed.bitfield().bytes);
      this.#write(writer);
      this.#seed.onHandshake();
    }
    this.#decoder.feed(chunk, used, chunk.length, this);
  }

  #write(writer: WireWriter): void {
    const bytes = writer.take();
    if (bytes) this.socket.write(bytes);
  }
}
