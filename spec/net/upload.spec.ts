// Which peers get read-ahead memory when some never read what was written for them.

import { expect } from 'chai';
import { CHUNK_LENGTH_BYTES } from '../../lib/net/upload/chunk-cache';
import { Upload } from '../../lib/net/upload/upload';
import type { UploadLine, UploadSession } from '../../lib/net/upload/upload';
import { Uploader } from '../../lib/net/upload/uploader';
import type { CloseReason } from '../../lib/messages/close-reasons';
import type { PeerFact } from '../../lib/messages/peer-thread';
import { OpenContent } from '../../lib/net/open-content';
import { Serving } from '../../lib/peer/serving';
import { WireDecoder } from '../../lib/wire/decoder';
import { torrentOf } from './actor';
import { until } from '../support/until';

const PIECES = 64;
const BLOCK = 16_384;
const BUDGET_CHUNKS = 16;
/** What a peer must have taken to be known to read. */
const TRUSTED_BYTES = 8_388_608;
const NOT_READING_MS = 5_000;

/** Every piece is one chunk long and filled with its own number. */
class NumberedSource extends OpenContent {
  /** The pieces that each read brought. */
  readonly reads: number[][] = [];
  /** A piece that cannot be read. */
  broken: number | undefined;

  override read(offsetBytes: number, places: readonly Uint8Array[]): Promise<void> {
    const pieces = new Set<number>();
    let at = offsetBytes;
    for (const place of places) {
      const piece = Math.floor(at / CHUNK_LENGTH_BYTES);
      pieces.add(piece);
      place.fill(piece);
      at += place.length;
    }
    this.reads.push([...pieces]);
    const { broken } = this;
    if (broken === undefined || !pieces.has(broken)) return Promise.resolve();
    return Promise.reject(new Error('a bad sector'));
  }
}

function numberedSource(): NumberedSource {
  return new NumberedSource(
    1,
    torrentOf({
      pieceLengthBytes: CHUNK_LENGTH_BYTES,
      files: [{ path: 'a', lengthBytes: PIECES * CHUNK_LENGTH_BYTES }],
      storage: { module: 'files', key: 'numbered', root: '/nowhere' },
      have: 'all',
    }).content,
  );
}

/** A peer's session and its line, in one. */
class Peer implements UploadSession {
  readonly source: OpenContent;
  readonly serving: Serving;
  /** How it was closed. */
  ending: { readonly reason: CloseReason; readonly detail: string } | undefined;
  /** The number in each block, as it was when the block left. */
  readonly numbers: (number | undefined)[] = [];
  servedBytes = 0;
  writes = 0;
  readonly #decoder: WireDecoder;
  #reads: boolean;
  #waiting: Uint8Array[] = [];
  #stuck: (() => void)[] = [];
  #upload: Upload | undefined;

  constructor(source: OpenContent, reads: boolean) {
    this.source = source;
    this.#reads = reads;
    this.serving = new Serving(2_000, 1);
    this.serving.open(source);
    this.serving.setChoked(false);
    this.#decoder = new WireDecoder({ pieceCount: PIECES });
  }

  get closed(): boolean {
    return this.ending !== undefined;
  }

  /** Its requests are to be answered. */
  pump(uploader: Uploader): void {
    this.#upload ??= new Upload(uploader, this.line(), this.source, this);
    this.#upload.pump();
  }
  protected line(): UploadLine {
    return {
      stream: this,
      tap: undefined,
      guard: (work) => work(),
      close: (reason, detail) => this.close(reason, detail),
    };
  }
  get queuedBytes(): number {
    return this.#upload?.queuedBytes ?? 0;
  }

  cork(): void {
    return;
  }
  uncork(): void {
    return;
  }
  noteServed(lengthBytes: number): void {
    this.servedBytes += lengthBytes;
  }
  /** As a socket does: what it never sent is reported as written, later. */
  close(reason: CloseReason, detail: string): void {
    this.ending = { reason, detail };
    for (const leave of this.#stuck.splice(0)) setImmediate(leave);
  }

  write(bytes: Uint8Array, onFlushed?: () => void): void {
    this.writes += 1;
    this.#waiting.push(bytes);
    if (!onFlushed) return;
    const leave = (): void => {
      if (!this.closed) for (const part of batch) this.#decoder.feed(part, 0, part.length, this);
      onFlushed();
    };
    const batch = this.#waiting;
    this.#waiting = [];
    if (this.#reads) setImmediate(leave);
    else this.#stuck.push(leave);
  }

  onBlock(piece: number, _begin: number, bytes: Uint8Array, start: number): void {
    this.numbers.push(bytes[start] === piece ? piece : undefined);
  }
  onMessage(): void {
    throw new Error('only blocks are expected');
  }

  stopReading(): void {
    this.#reads = false;
  }
  beginToRead(): void {
    this.#reads = true;
    for (const leave of this.#stuck.splice(0)) leave();
  }
}

/** One whose errors end it, as a connection does. */
class GuardedPeer extends Peer {
  protected override line(): UploadLine {
    const guard = (work: () => void): void => {
      try {
        work();
      } catch (error) {
        this.close('connection-error', (error as Error).message);
      }
    };
    return { ...super.line(), guard };
  }
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe('net/upload', () => {
  const uploader = (send: (fact: PeerFact) => void = () => undefined): Uploader =>
    new Uploader(BUDGET_CHUNKS * CHUNK_LENGTH_BYTES, send, () => 0);

  /** One byte of each piece: the dearest request there is. */
  function askForCrumbs(peer: Peer): void {
    for (let piece = 0; piece < PIECES; piece++) peer.serving.request(piece, 0, 1);
  }

  function askForBlocks(peer: Peer): number[] {
    const numbers: number[] = [];
    for (let piece = 0; piece < PIECES; piece++) {
      for (let begin = 0; begin < CHUNK_LENGTH_BYTES; begin += BLOCK) {
        peer.serving.request(piece, begin, BLOCK);
        numbers.push(piece);
      }
    }
    return numbers;
  }

  it('answers a peer that reads, right and in order', async () => {
    const peer = new Peer(numberedSource(), true);
    const expected = askForBlocks(peer);
    peer.pump(uploader());
    await until(() => peer.numbers.length === expected.length, 'every block at the peer');
    expect(peer.numbers).to.deep.equal(expected);
    expect(peer.writes, 'neighbours leave in one write').to.be.at.most(2 * PIECES);
  });

  it('reads into few buffers again and again, since what was sent whole is done with', async () => {
    const upload = uploader();
    const peer = new Peer(numberedSource(), true);
    const expected = askForBlocks(peer);
    peer.pump(upload);
    await until(() => peer.numbers.length === expected.length, 'every block at the peer');
    expect(peer.numbers).to.deep.equal(expected);
    // Two reads of four chunks each, and four that a socket has queued.
    expect(upload.memory.cache.allocatedBytes / CHUNK_LENGTH_BYTES).to.be.at.most(12);
  });

  it('reads a chunk once for all of its blocks, whatever their order', async () => {
    const source = numberedSource();
    const peer = new Peer(source, true);
    const last = CHUNK_LENGTH_BYTES - BLOCK;
    for (let begin = last; begin >= 0; begin -= BLOCK) {
      for (let piece = 0; piece < 8; piece++) peer.serving.request(piece, begin, BLOCK);
    }
    const blocks = peer.serving.waiting;
    peer.pump(uploader());
    await until(() => peer.numbers.length === blocks, 'every block that was asked for');
    expect(source.reads.flat()).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('reads neighbours at once, up to four', async () => {
    const source = numberedSource();
    const peer = new Peer(source, true);
    const blocks = askForBlocks(peer).length;
    peer.pump(uploader());
    await until(() => peer.numbers.length === blocks, 'every block that was asked for');
    expect(source.reads.flat()).to.deep.equal(Array.from({ length: PIECES }, (_, piece) => piece));
    expect(source.reads.length).to.be.within(PIECES / 4, (PIECES * 5) / 8);
  });

  for (const broken of [0, 1, 6, 7]) {
    it(`owes nothing but piece ${broken} when that cannot be read`, async () => {
      const facts: PeerFact[] = [];
      const source = numberedSource();
      source.broken = broken;
      const upload = uploader((fact) => facts.push(fact));
      const peer = new Peer(source, true);
      const expected = askForBlocks(peer).filter((piece) => piece !== broken);
      peer.pump(upload);
      await until(() => peer.numbers.length === expected.length, 'every block at the peer');
      expect(peer.numbers).to.deep.equal(expected);
      expect(facts.map(({ type }) => type)).to.deep.equal(['read-failed']);
      await until(() => peer.queuedBytes === 0, 'an empty queue');
      upload.tick(60_000);
      expect(upload.memory.cache.allocatedBytes, 'no pin is left').to.equal(0);
    });
  }

  /** A peer that has read enough to have chunks pinned for it, and then stops. */
  async function trusted(upload: Uploader): Promise<Peer> {
    const peer = new Peer(numberedSource(), true);
    const blocks = TRUSTED_BYTES / BLOCK;
    const ask = askForBlocks(peer).length;
    expect(ask).to.be.at.least(blocks);
    peer.pump(upload);
    await until(() => peer.numbers.length === ask, 'every block that was asked for');
    peer.stopReading();
    return peer;
  }

  /** Peers that never read, each asking for everything. */
  async function neverReading(upload: Uploader, count: number): Promise<Peer[]> {
    const peers = Array.from({ length: count }, () => new Peer(numberedSource(), false));
    for (const peer of peers) {
      askForBlocks(peer);
      peer.pump(upload);
      await turns(50);
    }
    return peers;
  }

  /** What peers that are not known to read may pin, all of them together. */
  const NEWCOMERS_CHUNKS = (BUDGET_CHUNKS * 3) / 8;

  it('pins three in eight chunks at most for peers that never read, all of them together', async () => {
    const upload = uploader();
    const hogs = await neverReading(upload, BUDGET_CHUNKS);
    const { pinned } = upload.memory.heldBytes;
    expect(pinned).to.equal(NEWCOMERS_CHUNKS * CHUNK_LENGTH_BYTES);
    expect(new Set(hogs.map(({ servedBytes }) => servedBytes))).to.deep.equal(new Set([8 * BLOCK]));
    const copiers = BUDGET_CHUNKS - NEWCOMERS_CHUNKS;
    expect(upload.memory.heldBytes.copied).to.equal(copiers * 8 * BLOCK);
  });

  /** Peers that never read hold all copies, each with one pin besides; five hold one chunk each. */
  async function crowd(upload: Uploader): Promise<{ pinners: Peer[]; copiers: Peer[] }> {
    const source = numberedSource();
    const pinners = Array.from({ length: NEWCOMERS_CHUNKS - 1 }, () => new Peer(source, false));
    for (const [piece, peer] of pinners.entries()) {
      peer.serving.request(piece, 0, BLOCK);
      peer.pump(upload);
      await turns(5);
    }
    const copiers: Peer[] = [];
    while (upload.memory.heldBytes.copied < BUDGET_CHUNKS * CHUNK_LENGTH_BYTES) {
      const peer = new Peer(source, false);
      peer.serving.request(0, 0, BLOCK);
      for (let block = 0; block < 7; block++) peer.serving.request(9, block * BLOCK, BLOCK);
      peer.pump(upload);
      await turns(5);
      copiers.push(peer);
    }
    pinners.push(...(await neverReading(upload, 1)));
    expect(upload.memory.heldBytes.pinned).to.equal(NEWCOMERS_CHUNKS * CHUNK_LENGTH_BYTES);
    return { pinners, copiers };
  }

  /** It asks for two blocks at a time, which are not copied for it while there is no room. */
  function longRequester(upload: Uploader): Peer {
    const reader = new Peer(numberedSource(), false);
    for (let piece = 0; piece < 8; piece++) reader.serving.request(piece, 0, 2 * BLOCK);
    reader.pump(upload);
    return reader;
  }

  it('closes a peer that holds copies and a pin, where another waits for room for a copy', async () => {
    const upload = uploader();
    const { copiers } = await crowd(upload);
    const reader = longRequester(upload);
    await turns(20);
    expect(reader.servedBytes).to.equal(0);
    upload.tick(NOT_READING_MS);
    await until(() => reader.servedBytes > 0, 'a block');
    expect(copiers[0]?.ending?.reason).to.equal('not-reading');
  });

  it('serves a peer that waits for room for a copy when it may pin a chunk', async () => {
    const upload = uploader();
    const { pinners } = await crowd(upload);
    const reader = longRequester(upload);
    await turns(20);
    expect(reader.servedBytes).to.equal(0);
    for (const peer of pinners) peer.beginToRead();
    await until(() => reader.servedBytes > 0, 'a block');
  });

  it('queues a quarter of what a peer has taken, eight blocks at least and 1 MiB at most', async () => {
    const upload = uploader();
    const peer = new Peer(numberedSource(), true);
    const mostQueued: number[] = [];
    askForBlocks(peer);
    const { noteServed } = peer;
    peer.noteServed = (lengthBytes) => {
      noteServed.call(peer, lengthBytes);
      mostQueued.push(peer.queuedBytes / BLOCK);
    };
    peer.pump(upload);
    await until(() => peer.numbers.length === PIECES * 16, 'all blocks');
    expect(mostQueued[0]).to.equal(8);
    expect(Math.max(...mostQueued.slice(0, 8))).to.be.at.most(16);
    expect(Math.max(...mostQueued)).to.be.within(32, 64);
  });

  it('copies hardly anything for eight peers that begin at once, with the memory of a thread', async () => {
    const upload = new Uploader(
      64 * CHUNK_LENGTH_BYTES,
      () => undefined,
      () => 0,
    );
    const peers = Array.from({ length: 8 }, () => new Peer(numberedSource(), true));
    const asked = peers.map((peer) => askForBlocks(peer).length);
    let copiedBytes = 0;
    const { memory } = upload;
    const { noteCopied } = memory;
    memory.noteCopied = (lengthBytes) => {
      copiedBytes += Math.max(0, lengthBytes);
      noteCopied.call(memory, lengthBytes);
    };
    for (const peer of peers) peer.pump(upload);
    await until(() => peers.every(({ numbers }, at) => numbers.length === asked[at]), 'all blocks');
    const askedBytes = asked.reduce((sum, blocks) => sum + blocks, 0) * BLOCK;
    expect(copiedBytes).to.be.at.most(askedBytes / 100);
  });

  it('copies eight blocks at most for a peer that never read, where others hold what it may pin', async () => {
    const upload = uploader();
    await neverReading(upload, BUDGET_CHUNKS);
    const before = upload.memory.heldBytes;
    const [hog] = await neverReading(upload, 1);
    expect(upload.memory.heldBytes).to.deep.equal({ ...before, copied: before.copied + 8 * BLOCK });
    expect(hog?.servedBytes).to.equal(8 * BLOCK);
  });

  it('copies a long request of a peer that never read whole, and no more', async () => {
    const upload = uploader();
    await neverReading(upload, BUDGET_CHUNKS);
    const before = upload.memory.heldBytes;
    const hog = new Peer(numberedSource(), false);
    for (let piece = 0; piece < 3; piece++) hog.serving.request(piece, 0, 8 * BLOCK);
    hog.pump(upload);
    await turns(100);
    expect(upload.memory.heldBytes).to.deep.equal({ ...before, copied: before.copied + 8 * BLOCK });
  });

  it('pins a quarter of the chunks at most for a peer that read and stops', async () => {
    const upload = uploader();
    const hog = await trusted(upload);
    askForCrumbs(hog);
    hog.pump(upload);
    await turns(200);
    expect(upload.memory.heldBytes.pinned).to.be.within(
      1,
      (BUDGET_CHUNKS / 4) * CHUNK_LENGTH_BYTES,
    );
  });

  for (const [hogs, kind] of [
    [1, 'that never do'],
    [100, 'that never do'],
    [1, 'that did and stopped'],
    [30, 'that did and stopped'],
  ] as const) {
    it(`serves a peer that reads beside ${hogs} ${kind}`, async () => {
      const upload = uploader();
      const stopped = kind === 'that did and stopped';
      const budgetBytes = BUDGET_CHUNKS * CHUNK_LENGTH_BYTES;
      for (let hog = 0; hog < hogs; hog++) {
        const peer = stopped ? await trusted(upload) : new Peer(numberedSource(), false);
        askForCrumbs(peer);
        askForBlocks(peer);
        peer.pump(upload);
        await turns(50);
      }
      expect(upload.memory.heldBytes.pinned).to.be.below(budgetBytes);
      expect(upload.memory.heldBytes.copied).to.be.at.most(budgetBytes + hogs * BLOCK);
      const reader = new Peer(numberedSource(), true);
      const expected = askForBlocks(reader);
      reader.pump(upload);
      await until(() => reader.numbers.length === expected.length, 'every block at the reader');
      expect(reader.numbers).to.deep.equal(expected);
      expect(upload.memory.cache.allocatedBytes).to.be.at.most(budgetBytes);
    });
  }

  it('closes the peer that stopped first when nothing can be pinned any more, after a while', async () => {
    const upload = uploader();
    const hogs: Peer[] = [];
    for (let hog = 0; hog < 20; hog++) {
      const peer = await trusted(upload);
      askForBlocks(peer);
      peer.pump(upload);
      await turns(50);
      hogs.push(peer);
    }
    const pinned = upload.memory.heldBytes.pinned;
    upload.tick(NOT_READING_MS - 1);
    expect(hogs.filter(({ ending }) => ending)).to.deep.equal([]);
    const reader = await trusted(upload);
    reader.beginToRead();
    askForBlocks(reader);
    reader.pump(upload);
    upload.tick(NOT_READING_MS);
    await turns(3);
    expect(hogs.map(({ ending }) => ending?.reason).filter(Boolean)).to.deep.equal(['not-reading']);
    expect(hogs[0]?.ending?.detail).to.equal('the peer took nothing for 5 s');
    expect(upload.memory.heldBytes.pinned).to.be.below(pinned);
  });

  it('closes no peer for not reading while there is memory', async () => {
    const upload = uploader();
    const hog = await trusted(upload);
    askForBlocks(hog);
    hog.pump(upload);
    await turns(50);
    upload.tick(60_000);
    expect(hog.ending).to.equal(undefined);
  });

  it('an error of one upload ends that one, not those that wait for the same read', async () => {
    const upload = uploader();
    const source = numberedSource();
    class Broken extends GuardedPeer {
      override write(): void {
        throw new Error('a stream that cannot write');
      }
    }
    const [broken, sound] = [new Broken(source, true), new Peer(source, true)];
    for (const peer of [broken, sound]) {
      peer.serving.request(0, 0, BLOCK);
      peer.pump(upload);
    }
    await until(() => sound.numbers.length === 1, 'the block of the other one');
    expect(broken.ending?.detail).to.equal('a stream that cannot write');
  });

  it('an error in the middle of a round leaves nothing behind of that round', async () => {
    const upload = uploader();
    const source = numberedSource();
    const [broken, sound] = [new GuardedPeer(source, true), new Peer(source, true)];
    broken.serving.queue.shift = () => {
      throw new Error('a block that is not counted');
    };
    broken.serving.request(0, 0, BLOCK);
    sound.serving.request(1, 0, BLOCK);
    for (const peer of [broken, sound]) peer.pump(upload);
    await until(() => sound.numbers.length > 0, 'the block of the other one');
    expect(broken.ending?.detail).to.equal('a block that is not counted');
    expect(sound.numbers).to.deep.equal([1]);
    expect(upload.memory.heldBytes).to.deep.equal({ pinned: 0, copied: 0 });
  });

  it('goes on with a peer at its bound as soon as it reads', async () => {
    const upload = uploader();
    const hog = new Peer(numberedSource(), false);
    askForCrumbs(hog);
    hog.pump(upload);
    await turns(100);
    hog.beginToRead();
    await until(() => hog.numbers.length === PIECES, 'every piece at the hog');
    expect(hog.numbers).to.deep.equal(Array.from({ length: PIECES }, (_, piece) => piece));
    await until(() => hog.queuedBytes === 0, 'an empty queue');
    upload.tick(60_000);
    expect(upload.memory.cache.allocatedBytes, 'no pin is left').to.equal(0);
  });
});
