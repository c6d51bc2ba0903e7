// A peer that came before the content was known gets our pieces as `have`s, at the pace at which its
// system takes them.

import { expect } from 'chai';
import type { PeerContent, PeerTorrent } from '../../lib/messages/peer-thread';
import { Bitfield } from '../../lib/bytes/bitfield';
import type {
  ByteStream,
  EndPoint,
  Listener,
  StreamHandler,
  Transport,
} from '../../lib/transport/stream';
import { encodeHandshake } from '../../lib/wire/handshake';
import { Actor, INFO_HASH } from './actor';

const PIECES = 300_000;
const HAVE_BYTES = 9;
/** What the actor closes a connection for. */
const MAX_UNREAD_BYTES = 1_048_576;

/** A dialled stream whose far side takes bytes when the spec says so. */
class SlowStream implements ByteStream, Transport {
  readonly local: EndPoint = { host: '10.0.0.1', port: 1 };
  readonly remote: EndPoint = { host: '10.0.0.2', port: 2 };
  queuedBytes = 0;
  mostBytes = 0;
  handler: StreamHandler | undefined;
  private queue: { readonly bytes: Uint8Array; readonly onFlushed: (() => void) | undefined }[] =
    [];

  dial(_target: EndPoint, handler: StreamHandler): ByteStream {
    this.handler = handler;
    return this;
  }
  listen(): Listener {
    throw new Error('nobody listens here');
  }
  write(bytes: Uint8Array, onFlushed?: () => void): void {
    this.queue.push({ bytes, onFlushed });
    this.queuedBytes += bytes.length;
    this.mostBytes = Math.max(this.mostBytes, this.queuedBytes);
  }
  cork(): void {}
  uncork(): void {}
  pause(): void {}
  resume(): void {}
  destroy(): void {
    this.queue = [];
  }

  /** The far side takes what is queued. */
  take(): Buffer {
    const queue = this.queue;
    this.queue = [];
    this.queuedBytes = 0;
    for (const { onFlushed } of queue) onFlushed?.();
    return Buffer.concat(queue.map(({ bytes }) => bytes));
  }
  receive(bytes: Uint8Array): void {
    this.handler?.onBytes(bytes, 0, bytes.length);
  }
}

/** A torrent of which we have every piece. */
function wholeContent(): PeerContent {
  const have = new SharedArrayBuffer(Bitfield.byteLength(PIECES));
  new Bitfield(PIECES, new Uint8Array(have)).setAll();
  const totalLengthBytes = PIECES * 16_384;
  return {
    pieceCount: PIECES,
    pieceLengthBytes: 16_384,
    totalLengthBytes,
    have,
    storage: { module: 'memory', key: 'm', root: '/' },
    files: [{ path: 'f', lengthBytes: totalLengthBytes }],
  };
}

/** An actor that has dialled a peer of a torrent. */
function connected(content: PeerContent | undefined): { stream: SlowStream; actor: Actor } {
  const stream = new SlowStream();
  const actor = new Actor({ transport: stream, nowMs: () => 1_000 });
  const torrent: PeerTorrent = { torrent: 1, infoHash: INFO_HASH, private: false, content };
  actor.order({ type: 'open-torrent', torrent });
  actor.order({ type: 'dial', dial: 1, torrent: 1, host: '10.0.0.2', port: 2 });
  stream.handler?.onOpen();
  const peerId = Buffer.from('-XX0000-the-slow-one');
  stream.receive(encodeHandshake({ infoHash: INFO_HASH, peerId }));
  expect(actor.of('connected')).to.have.length(1);
  return { stream, actor };
}

describe('net: our pieces, for a peer that came before the content', () => {
  it('wait in small parts until it has read those before, and more than its limit is never queued', async () => {
    const { stream, actor } = connected(undefined);
    stream.take();
    const content = wholeContent();
    stream.mostBytes = 0;
    actor.order({ type: 'torrent-content', torrent: 1, content });
    // Other messages are sent meanwhile, so that not every write contains pieces.
    const [{ connection } = { connection: 0 }] = actor.of('connected');
    actor.order({ type: 'choke', connection, choked: false });
    actor.order({ type: 'choke', connection, choked: true });
    let bytes = 0;
    const last = Buffer.alloc(4);
    last.writeUInt32BE(PIECES - 1);
    let tail: Uint8Array = Buffer.alloc(0);
    for (let part = stream.take(); part.length > 0; part = stream.take()) {
      bytes += part.length;
      tail = part;
    }
    expect(actor.of('closed')).to.deep.equal([]);
    expect(PIECES * HAVE_BYTES).to.be.above(2 * MAX_UNREAD_BYTES);
    expect(bytes).to.equal(PIECES * HAVE_BYTES + 2 * 5);
    expect(last.equals(tail.subarray(-4))).to.equal(true);
    expect(stream.mostBytes).to.be.below(64 * 1024);
    await actor.stop();
  });

  it('are concealed while we super-seed, and follow in such parts when that ends', async () => {
    const { stream, actor } = connected({ ...wholeContent(), concealed: true });
    const [{ connection } = { connection: 0 }] = actor.of('connected');
    const first = stream.take();
    expect(first.length, 'a handshake, and no bitfield').to.be.below(1_000);
    actor.order({ type: 'reveal', connection, piece: 7 });
    expect([...stream.take()]).to.deep.equal([0, 0, 0, 5, 4, 0, 0, 0, 7]);
    stream.mostBytes = 0;
    actor.order({ type: 'conceal', torrent: 1, concealed: false });
    let bytes = 0;
    for (let part = stream.take(); part.length > 0; part = stream.take()) bytes += part.length;
    expect(bytes).to.equal((PIECES - 1) * HAVE_BYTES);
    expect(stream.mostBytes).to.be.below(64 * 1024);
    await actor.stop();
  });
});
