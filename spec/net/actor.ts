// A peer thread's actor inside the spec's own thread, and the least coordinator that can feed it.

import { performance } from 'node:perf_hooks';
import { Bitfield } from '../../lib/bytes/bitfield';
import { BlockTable } from '../../lib/memory/block-table';
import { Slab, UNIT_LENGTH_BYTES } from '../../lib/memory/slab';
import type { StorageRef, StoredFile } from '../../lib/messages/storage';
import type {
  PeerContent,
  PeerFact,
  PeerOrder,
  PeerThreadLimits,
  PeerThreadStart,
  PeerTorrent,
} from '../../lib/messages/peer-thread';
import type { NetworkSettings } from '../../lib/messages/network';
import { PeerThread } from '../../lib/net/peer-thread';
import type { Transport } from '../../lib/transport/stream';

export const LIMITS: PeerThreadLimits = {
  maxConnections: 50,
  maxHandshakes: 16,
  dialTimeoutMs: 5000,
  handshakeTimeoutMs: 5000,
  requestTimeoutMs: 30_000,
  idleTimeoutMs: 60_000,
  keepAliveMs: 60_000,
  requestQueue: 500,
  uploadBufferBytes: 8_388_608,
};

export const INFO_HASH = Buffer.from('0123456789abcdef0123');

type Fact<Type extends PeerFact['type']> = Extract<PeerFact, { readonly type: Type }>;

export interface TorrentOptions {
  readonly torrent?: number;
  readonly infoHash?: Uint8Array;
  readonly pieceLengthBytes: number;
  readonly files: readonly StoredFile[];
  readonly storage: StorageRef;
  readonly have?: 'all' | readonly number[];
}

/** A torrent whose content is known. */
export interface KnownTorrent extends PeerTorrent {
  readonly content: PeerContent;
}

export function torrentOf(options: TorrentOptions): KnownTorrent {
  const { files, pieceLengthBytes } = options;
  const totalLengthBytes = files.reduce(
    (sum, file) => sum + (file.paddingBytes ?? 0) + file.lengthBytes,
    0,
  );
  const pieceCount = Math.ceil(totalLengthBytes / pieceLengthBytes);
  const have = new SharedArrayBuffer(Bitfield.byteLength(pieceCount));
  const bits = new Bitfield(pieceCount, new Uint8Array(have));
  if (options.have === 'all') bits.setAll();
  else for (const piece of options.have ?? []) bits.set(piece);
  return {
    torrent: options.torrent ?? 1,
    infoHash: options.infoHash ?? INFO_HASH,
    private: false,
    content: {
      pieceCount,
      pieceLengthBytes,
      totalLengthBytes,
      have,
      storage: options.storage,
      files,
    },
  };
}

/** The same torrent, with nothing of it verified. */
export function emptyCopy(torrent: KnownTorrent): KnownTorrent {
  const { content } = torrent;
  const have = new SharedArrayBuffer(content.have.byteLength);
  return { ...torrent, content: { ...content, have } };
}

export interface ActorOptions extends Partial<PeerThreadLimits> {
  readonly thread?: number;
  readonly units?: number;
  /** Default: the real clock. */
  readonly nowMs?: () => number;
  /** Default: TCP. */
  readonly transport?: Transport;
  readonly network?: NetworkSettings;
}

export class Actor {
  readonly thread: PeerThread;
  readonly facts: PeerFact[] = [];
  readonly slab: Slab;
  readonly table: BlockTable;
  readonly start: PeerThreadStart;
  stopped = false;
  private watchers: { test: (fact: PeerFact) => boolean; resolve: (fact: PeerFact) => void }[] = [];
  private react: (fact: PeerFact) => void = () => undefined;

  constructor(options: ActorOptions = {}) {
    const { thread = 0, units = 4096, nowMs = () => performance.now(), ...rest } = options;
    const { transport, network = {}, ...limits } = rest;
    this.slab = Slab.allocate(units * UNIT_LENGTH_BYTES);
    this.table = new BlockTable(new SharedArrayBuffer(BlockTable.byteLength(units)));
    this.start = {
      thread,
      slab: this.slab.buffer,
      blockTable: this.table.buffer,
      peerId: Buffer.from(`-MR0100-spec-actor-${String.fromCharCode(97 + thread)}`),
      limits: { ...LIMITS, ...limits },
      network,
      version: '0.0.1',
    };
    this.thread = new PeerThread({
      start: this.start,
      send: (fact) => this.onFact(fact),
      onStopped: () => (this.stopped = true),
      nowMs,
      ...(transport === undefined ? {} : { transport }),
    });
  }

  order(...orders: readonly PeerOrder[]): void {
    for (const order of orders) this.thread.handle(order);
    this.thread.endBatch();
  }

  of<Type extends PeerFact['type']>(type: Type): Fact<Type>[] {
    return this.facts.filter((fact): fact is Fact<Type> => fact.type === type);
  }

  /** The first such fact, past or to come. */
  async fact<Type extends PeerFact['type']>(
    type: Type,
    test: (fact: Fact<Type>) => boolean = () => true,
  ): Promise<Fact<Type>> {
    const matches = (fact: PeerFact): boolean => fact.type === type && test(fact as Fact<Type>);
    const known = this.facts.find(matches);
    if (known !== undefined) return known as Fact<Type>;
    return new Promise((resolve) =>
      this.watchers.push({ test: matches, resolve: (fact) => resolve(fact as Fact<Type>) }),
    );
  }

  async listen(host = '127.0.0.1'): Promise<number> {
    this.order({ type: 'listen', port: 0, host });
    return (await this.fact('listening')).port;
  }

  async stop(): Promise<void> {
    this.order({ type: 'stop' });
    await this.fact('stopped');
  }

  /** Unchokes everybody who is interested. */
  seed(): void {
    this.react = (fact) => {
      if (fact.type !== 'peer-interest') return;
      const { connection } = fact;
      this.later({ type: 'choke', connection, choked: !fact.interested });
    };
  }

  /**
   * Leases a torrent, piece by piece, to the peers that have appetite; resolves to its bytes once all are
   * here. Every piece has its place from the start.
   */
  async download({ content }: KnownTorrent): Promise<Buffer> {
    const { pieceCount, pieceLengthBytes, totalLengthBytes } = content;
    const unitsPerPiece = Math.ceil(pieceLengthBytes / UNIT_LENGTH_BYTES);
    const blocksOf = (piece: number): number => {
      const bytes = Math.min(pieceLengthBytes, totalLengthBytes - piece * pieceLengthBytes);
      return Math.ceil(bytes / UNIT_LENGTH_BYTES);
    };
    for (let unit = 0; unit < pieceCount * unitsPerPiece; unit++) {
      this.table.assign(unit, 1 + Math.floor(unit / unitsPerPiece));
    }
    let nextPiece = 0;
    const leased = new Map<number, number>();
    let missing = 0;
    for (let piece = 0; piece < pieceCount; piece++) missing += blocksOf(piece);
    return new Promise((resolve) => {
      this.react = (fact) => {
        if (fact.type === 'connected') {
          this.later({ type: 'interest', connection: fact.connection, interested: true });
        } else if (fact.type === 'lease-done') {
          missing -= fact.blockCount;
          if (missing === 0) resolve(this.collect(content, unitsPerPiece));
        } else if (fact.type === 'appetite') {
          const { connection, epoch, creditBlocks } = fact;
          let granted = leased.get(connection) ?? 0;
          while (nextPiece < pieceCount && granted < creditBlocks) {
            const piece = nextPiece++;
            const blockCount = blocksOf(piece);
            const segments = [piece * unitsPerPiece, blockCount];
            const lease = { connection, epoch, piece, firstBlock: 0, blockCount, segments };
            this.later({ type: 'lease', lease: { ...lease, generation: piece + 1 } });
            granted += blockCount;
          }
          leased.set(connection, granted);
        }
      };
    });
  }

  /** Orders come from another thread: never from within the fact that caused them. */
  private later(order: PeerOrder): void {
    setImmediate(() => this.order(order));
  }

  private collect(content: PeerContent, unitsPerPiece: number): Buffer {
    const parts: Uint8Array[] = [];
    for (let piece = 0; piece < content.pieceCount; piece++) {
      const at = piece * content.pieceLengthBytes;
      const bytes = Math.min(content.pieceLengthBytes, content.totalLengthBytes - at);
      parts.push(this.slab.view(piece * unitsPerPiece, bytes).slice());
    }
    return Buffer.concat(parts);
  }

  private onFact(fact: PeerFact): void {
    this.facts.push(structuredClone(fact)); // as a port would
    this.react(fact);
    const due = this.watchers.filter((watcher) => watcher.test(fact));
    this.watchers = this.watchers.filter((watcher) => !due.includes(watcher));
    for (const watcher of due) watcher.resolve(fact);
  }
}
