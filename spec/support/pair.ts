// Two sessions wired back to back under a fake clock: conversations without a socket. A side alone
// also serves as a session that a spec feeds by hand.

import { Bitfield } from '../../lib/bytes/bitfield';
import { BlockTable } from '../../lib/memory/block-table';
import { Slab, UNIT_LENGTH_BYTES } from '../../lib/memory/slab';
import type { Lease, PeerFact } from '../../lib/messages/peer-thread';
import { Geometry } from '../../lib/metainfo/geometry';
import { PeerSession } from '../../lib/peer/session';
import type { SwarmList } from '../../lib/peer/swarm-list';
import { EXTENSIONS } from '../../lib/peer/extensions/list';
import type { MakeExtension, TorrentInfo } from '../../lib/peer/extensions/extension';
import type { SessionContent, SessionLimits } from '../../lib/peer/session-types';
import { WireWriter, writePieceHeader } from '../../lib/wire/encoder';
import { PIECE_HEADER_LENGTH_BYTES } from '../../lib/wire/messages';
import { WireDecoder } from '../../lib/wire/decoder';
import type { WireMessage } from '../../lib/wire/messages';

export const LIMITS: SessionLimits = {
  requestTimeoutMs: 30_000,
  idleTimeoutMs: 120_000,
  keepAliveMs: 60_000,
  requestQueue: 500,
};

export interface SideOptions {
  readonly pieceLengthBytes?: number;
  readonly totalLengthBytes?: number;
  /** Verified pieces; default none. */
  readonly have?: readonly number[] | 'all';
  readonly extensionProtocol?: boolean;
  readonly extensions?: readonly MakeExtension[];
  /** The session starts without content; `open` supplies it. */
  readonly openLater?: boolean;
  /** What is known of the info dictionary; default: nothing, and it is not wanted. */
  readonly info?: TorrentInfo;
  /** Its pieces are concealed from the peer: we super-seed. */
  readonly concealed?: boolean;
  /** The fast extension is in use; default false. */
  readonly fast?: boolean;
  readonly remote?: { readonly host: string; readonly port: number };
  readonly swarm?: SwarmList;
  readonly limits?: Partial<SessionLimits>;
  readonly connection?: number;
  readonly slab?: Slab;
  readonly table?: BlockTable;
}

const patterns = new Map<number, Buffer>();

/**
 * Bytes that depend on their offset, so that a wrong offset shows. Cached per length: do not write.
 */
export function patternBytes(lengthBytes: number): Buffer {
  const known = patterns.get(lengthBytes);
  if (known !== undefined) return known;
  const bytes = Buffer.alloc(lengthBytes);
  for (let at = 0; at + 4 <= lengthBytes; at += 4) {
    bytes.writeUInt32BE((at * 2_654_435_761) >>> 0, at);
  }
  patterns.set(lengthBytes, bytes);
  return bytes;
}

type Fact<Type extends PeerFact['type']> = Extract<PeerFact, { readonly type: Type }>;

/** One session with all that it needs. */
export class Side {
  readonly session: PeerSession;
  readonly writer = new WireWriter();
  readonly geometry: Geometry;
  readonly have: Bitfield;
  readonly slab: Slab;
  readonly table: BlockTable;
  readonly content: Buffer;
  readonly connection: number;
  facts: PeerFact[] = [];
  closed: { readonly reason: string; readonly detail: string } | undefined;
  /**
   * Whether requests are answered as they come, as by a driver; if false, they stay in the queue.
   */
  answers = true;
  nowMs: number;
  private outgoing: Uint8Array[] = [];
  private nextUnit = 0;
  private nextGeneration = 1;

  constructor(options: SideOptions = {}, nowMs = 1_000_000) {
    const pieceLengthBytes = options.pieceLengthBytes ?? 65_536;
    const totalLengthBytes = options.totalLengthBytes ?? 16 * pieceLengthBytes;
    const pieceCount = Math.ceil(totalLengthBytes / pieceLengthBytes);
    this.nowMs = nowMs;
    this.connection = options.connection ?? 32;
    this.content = patternBytes(totalLengthBytes);
    this.geometry = new Geometry({
      pieceCount,
      pieceLengthBytes,
      totalLengthBytes,
    });
    this.have = new Bitfield(pieceCount);
    if (options.have === 'all') this.have.setAll();
    else for (const piece of options.have ?? []) this.have.set(piece);
    const units = 2048;
    this.slab = options.slab ?? Slab.allocate(units * UNIT_LENGTH_BYTES);
    this.table =
      options.table ?? new BlockTable(new SharedArrayBuffer(BlockTable.byteLength(units)));
    this.session = new PeerSession(
      {
        connection: this.connection,
        thread: 0,
        remote: options.remote ?? { host: '192.0.2.1', port: 50_000 },
        swarm: options.swarm,
        info: options.info ?? { bytes: undefined, wanted: false },
        content: options.openLater ? undefined : this.sessionContent(options.concealed),
        slab: this.slab,
        table: this.table,
        limits: { ...LIMITS, ...options.limits },
        extensionProtocol: options.extensionProtocol ?? true,
        extensions: options.extensions ?? EXTENSIONS,
        fast: options.fast ?? false,
        clientName: 'spec 1',
        listenPort: 6881,
        hashSeed: 1,
        writer: this.writer,
        output: {
          fact: (fact) => this.facts.push(fact),
          serve: () => this.serve(),
          close: (reason, detail) => (this.closed = { reason, detail }),
        },
      },
      nowMs,
    );
  }

  start(): this {
    this.session.start(this.nowMs);
    return this;
  }

  private sessionContent(concealed = false): SessionContent {
    return { geometry: this.geometry, have: this.have, concealed };
  }

  /** Supplies the content, as when the metainfo becomes known. */
  open(): this {
    this.session.open(this.sessionContent(), this.nowMs);
    return this;
  }

  /** The bytes sent since the last call. */
  take(): Uint8Array[] {
    const messages = this.writer.take();
    if (messages !== undefined) this.outgoing.push(messages);
    const taken = this.outgoing;
    this.outgoing = [];
    if (taken.length > 0) this.session.noteSent(this.nowMs);
    return taken;
  }

  /** The same as messages; blocks appear as `piece`. */
  sent(): (WireMessage | { type: 'piece'; piece: number; begin: number; lengthBytes: number })[] {
    const messages: ReturnType<Side['sent']> = [];
    const decoder = new WireDecoder({
      pieceCount: this.geometry.pieceCount,
      maxBlockLengthBytes: 131_072,
    });
    for (const bytes of this.take()) {
      decoder.feed(bytes, 0, bytes.length, {
        onMessage: (message) => messages.push(structuredClone(message)),
        onBlock: (piece, begin, _bytes, start, end) =>
          messages.push({ type: 'piece', piece, begin, lengthBytes: end - start }),
      });
    }
    return messages;
  }

  feed(...chunks: readonly Uint8Array[]): this {
    for (const bytes of chunks) this.session.receive(bytes, 0, bytes.length, this.nowMs);
    return this;
  }

  /** Feeds the session with the bytes that `write` produces. */
  receive(write: (writer: WireWriter) => void): this {
    const writer = new WireWriter();
    write(writer);
    return this.feed(writer.take() ?? new Uint8Array(0));
  }

  /** A `piece` message with the true bytes, or with others. */
  block(piece: number, block: number, lengthBytes?: number): Uint8Array {
    const length = lengthBytes ?? this.geometry.blockLengthBytes(piece, block);
    const begin = block * UNIT_LENGTH_BYTES;
    const message = new Uint8Array(PIECE_HEADER_LENGTH_BYTES + length);
    writePieceHeader(message, 0, piece, begin, length);
    const at = piece * this.geometry.pieceLengthBytes(0) + begin;
    message.set(this.content.subarray(at, at + length), PIECE_HEADER_LENGTH_BYTES);
    return message;
  }

  /** Gives memory to blocks of a piece, as a coordinator would; the lease is not yet granted. */
  makeLease(piece: number, firstBlock = 0, blockCount?: number): Lease {
    const count = blockCount ?? this.geometry.blockCount(piece) - firstBlock;
    const generation = this.nextGeneration++;
    const segments: number[] = [];
    // Two segments that are not adjacent, to test the walk over several segments.
    for (const part of [Math.ceil(count / 2), Math.floor(count / 2)]) {
      if (part === 0) continue;
      if (this.nextUnit + part > this.table.unitCount) this.nextUnit = 0;
      segments.push(this.nextUnit, part);
      for (let unit = this.nextUnit; unit < this.nextUnit + part; unit++) {
        this.table.revoke(unit); // the places go round: long specs reuse them
        this.table.assign(unit, generation);
      }
      this.nextUnit += part + 1;
    }
    const { connection } = this;
    const { epoch } = this.session.download;
    return { connection, epoch, piece, firstBlock, blockCount: count, generation, segments };
  }

  /** Grants a lease and lets the session act on it. */
  lease(piece: number, firstBlock = 0, blockCount?: number): Lease {
    const lease = this.makeLease(piece, firstBlock, blockCount);
    this.grant(lease);
    return lease;
  }

  grant(lease: Lease): void {
    this.session.lease(lease, this.nowMs);
    this.session.endTurn();
  }

  /** The bytes in the units of a lease. */
  leased(lease: Lease): Buffer {
    const parts: Uint8Array[] = [];
    let block = lease.firstBlock;
    for (let at = 0; at + 1 < lease.segments.length; at += 2) {
      const first = lease.segments[at] ?? 0;
      const count = lease.segments[at + 1] ?? 0;
      for (let unit = first; unit < first + count; unit++) {
        const lengthBytes = this.geometry.blockLengthBytes(lease.piece, block++);
        parts.push(this.slab.view(unit, lengthBytes).slice());
      }
    }
    return Buffer.concat(parts);
  }

  tick(ms = 0): this {
    this.nowMs += ms;
    this.session.tick(this.nowMs);
    return this;
  }

  of<Type extends PeerFact['type']>(type: Type): Fact<Type>[] {
    return this.facts.filter((fact): fact is Fact<Type> => fact.type === type);
  }

  /** Answers the queued requests. */
  serve(): void {
    if (!this.answers) return;
    const messages = this.writer.take();
    if (messages !== undefined) this.outgoing.push(messages);
    const { queue } = this.session.serving;
    while (queue.length > 0) {
      const piece = queue.pieceAt(queue.first);
      const begin = queue.beginAt(queue.first);
      const lengthBytes = queue.lengthBytesAt(queue.first);
      const message = new Uint8Array(PIECE_HEADER_LENGTH_BYTES + lengthBytes);
      writePieceHeader(message, 0, piece, begin, lengthBytes);
      const at = piece * this.geometry.pieceLengthBytes(0) + begin;
      message.set(this.content.subarray(at, at + lengthBytes), PIECE_HEADER_LENGTH_BYTES);
      this.outgoing.push(message);
      queue.shift();
      this.session.noteServed(lengthBytes, this.nowMs);
    }
  }
}

/** Two connected sides, with a delay of half a round trip each way. */
export class Pair {
  readonly left: Side;
  readonly right: Side;

  constructor(left: SideOptions, right: SideOptions) {
    this.left = new Side({ connection: 32, ...left }).start();
    this.right = new Side({ connection: 64, ...right }).start();
  }

  /** Carries bytes both ways until neither side sends any more. Returns the total of bytes. */
  exchange(delayMs = 0): number {
    let total = 0;
    for (;;) {
      const toRight = this.left.take();
      const toLeft = this.right.take();
      if (toRight.length + toLeft.length === 0) return total;
      this.left.nowMs += delayMs;
      this.right.nowMs += delayMs;
      for (const bytes of [...toRight, ...toLeft]) total += bytes.length;
      this.right.feed(...toRight);
      this.left.feed(...toLeft);
      for (const { session, nowMs } of [this.left, this.right])
        if (session.isWriting) session.writeOn(nowMs);
    }
  }

  /** The usual beginning: left wants, right unchokes. */
  open(): this {
    this.left.session.setInterested(true, this.left.nowMs);
    this.right.session.setChoked(false);
    this.exchange();
    return this;
  }
}
