// The cost of a wire trace: the smallest possible read through a whole connection, with the trace
// off and on; and the cost of the tap itself for a block.

import { EventEmitter } from 'node:events';
import { load } from '../support/engine';
import { PIECE_HEADER_LENGTH_BYTES } from '../../lib/wire/messages';
import type { Engine } from '../support/engine';
import type { MicroTask } from './task';
import type * as SlabModule from '../../lib/memory/slab';
import type * as TableModule from '../../lib/memory/block-table';
import type { TraceSettings } from '../../lib/messages/trace';
import type * as ConnectionModule from '../../lib/net/connection';
import type { ConnectionContext } from '../../lib/net/connection-context';
import { ReadTurns } from '../../lib/net/read-turns';
import { ThreadRates } from '../../lib/rate/thread-rates';
import type * as SourceModule from '../../lib/net/open-torrent';
import type * as TracerModule from '../../lib/net/tracer';
import type { ByteStream, IncomingStream, StreamHandler } from '../../lib/transport/stream';
import type * as UploadModule from '../../lib/net/upload/uploader';
import type * as Encoder from '../../lib/wire/encoder';
import type * as Handshake from '../../lib/wire/handshake';

const READS = 1000;
const BLOCK_BYTES = 16_384;
const BLOCKS_IN_A_READ = 16;
const PEER = { host: '192.0.2.7', port: 6881 };
const INFO_HASH = new Uint8Array(20).fill(0xab);

/** Packets are made and written, but not to a disk. */
const NOWHERE = '/dev/null';

/** A stream without a network. Builds before there were streams take it for a socket. */
class FakeStream extends EventEmitter implements IncomingStream, ByteStream {
  readonly from = PEER;
  readonly local = undefined;
  readonly remote = undefined;
  readonly queuedBytes = 0;
  readonly writableLength = 0;
  #handler: StreamHandler | undefined;

  open(handler: StreamHandler): ByteStream {
    this.#handler = handler;
    return this;
  }
  read(bytes: Buffer): void {
    if (this.#handler === undefined) this.emit('data', bytes);
    else this.#handler.onBytes(bytes, 0, bytes.length);
  }
  refuse(): void {}
  setNoDelay(): void {}
  pause(): void {}
  resume(): void {}
  cork(): void {}
  uncork(): void {}
  write(): void {}
  destroy(): void {}
}

function settingsOf(payload: boolean): TraceSettings {
  return {
    file: NOWHERE,
    lines: false,
    payload,
    peers: [],
    limitBytes: 2 ** 50,
    startedMs: 0,
    counter: new SharedArrayBuffer(16),
  };
}

/** Undefined in builds that cannot trace; they measure "off". */
function loadTracer(engine: Engine): typeof TracerModule | undefined {
  try {
    return load<typeof TracerModule>(engine, 'net/tracer');
  } catch {
    return undefined;
  }
}

export function* traceTasks(engine: Engine): Generator<MicroTask> {
  const tracing = loadTracer(engine);
  const tracers = {
    off: undefined,
    ...(tracing && { on: new tracing.Tracer(settingsOf(false), () => undefined) }),
  };
  for (const [trace, tracer] of Object.entries(tracers)) {
    const read = receiver(engine, tracer);
    const have = Buffer.from('000000050400000001', 'hex');
    yield {
      subject: 'connection: a read that brings one have',
      case: { trace },
      units: READS,
      run() {
        for (let at = 0; at < READS; at++) read(have);
      },
    };
  }
  if (tracing === undefined) return;
  const { writePieceHeader } = load<typeof Encoder>(engine, 'wire/encoder');
  const messageBytes = PIECE_HEADER_LENGTH_BYTES + BLOCK_BYTES;
  const blocks = Buffer.alloc(BLOCKS_IN_A_READ * messageBytes, 7);
  for (let block = 0; block < BLOCKS_IN_A_READ; block++) {
    writePieceHeader(blocks, block * messageBytes, 1, block * BLOCK_BYTES, BLOCK_BYTES);
  }
  for (const payload of [false, true]) {
    const tracer = new tracing.Tracer(settingsOf(payload), () => undefined);
    const tap = tracer.tap({ ...PEER, connection: 1, dialled: true });
    tap?.opened({ host: '192.0.2.1', port: 1 }, PEER);
    tap?.received(new Uint8Array(68), 0, 68);
    yield {
      subject: 'trace: a block in a read of sixteen',
      case: { kept: payload ? 'whole' : 'its head' },
      units: BLOCKS_IN_A_READ,
      run: () => tap?.received(blocks, 0, blocks.length),
    };
  }
}

/** An open connection without a network: the given bytes arrive as reads of its socket. */
function receiver(
  engine: Engine,
  tracer: TracerModule.Tracer | undefined,
): (bytes: Buffer) => void {
  const { Connection } = load<typeof ConnectionModule>(engine, 'net/connection');
  const { Slab } = load<typeof SlabModule>(engine, 'memory/slab');
  const { BlockTable } = load<typeof TableModule>(engine, 'memory/block-table');
  const { OpenTorrent } = load<typeof SourceModule>(engine, 'net/open-torrent');
  const { Uploader } = load<typeof UploadModule>(engine, 'net/upload/uploader');
  const { encodeHandshake } = load<typeof Handshake>(engine, 'wire/handshake');
  const content = {
    pieceCount: 64,
    pieceLengthBytes: BLOCK_BYTES,
    totalLengthBytes: 64 * BLOCK_BYTES,
    have: new SharedArrayBuffer(8),
    storage: { module: 'files', key: 'bench', root: '/nowhere' },
    files: [{ path: 'x', lengthBytes: 64 * BLOCK_BYTES }],
  };
  // The content beside the info hash is for builds that know no torrent without content.
  const source = new OpenTorrent({
    torrent: 1,
    infoHash: INFO_HASH,
    private: false,
    content,
    ...content,
  });
  const nowMs = (): number => performance.now();
  const send = (): void => undefined;
  const context: ConnectionContext = {
    thread: 0,
    peerId: new Uint8Array(20).fill(1),
    clientName: 'bench',
    limits: {
      maxConnections: 1,
      maxHandshakes: 16,
      dialTimeoutMs: 1000,
      handshakeTimeoutMs: 1000,
      requestTimeoutMs: 1000,
      idleTimeoutMs: 1000,
      keepAliveMs: 1000,
      requestQueue: 1,
      uploadBufferBytes: 2 ** 20,
    },
    slab: Slab.allocate(16 * BLOCK_BYTES),
    table: new BlockTable(new SharedArrayBuffer(BlockTable.byteLength(16))),
    transport: { dial: unused, listen: unused },
    uploader: new Uploader(2 ** 20, send, nowMs),
    readTurns: new ReadTurns(),
    rates: new ThreadRates(() => undefined),
    tracer,
    nowMs,
    send,
    findTorrent: () => source,
    mayReach: () => true,
    listenPort: () => undefined,
    mayEnter: () => true,
    onGone: () => undefined,
  };
  const stream = new FakeStream();
  // The last one is for builds before there were streams.
  const accept = Connection.accept as (...things: readonly unknown[]) => unknown;
  accept(context, 1, stream, PEER);
  const theirs = encodeHandshake({ infoHash: INFO_HASH, peerId: new Uint8Array(20) });
  stream.read(Buffer.from(theirs));
  return (bytes) => stream.read(bytes);
}

function unused(): never {
  throw new Error('the bench dials nobody and listens nowhere');
}
