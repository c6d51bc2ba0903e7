// The referee of one end of a simulated connection. It checks the rules of the wire, written from the
// specifications alone, and throws when our side breaks one: it announces what it lacks, requests what
// it may not, or sends what was not requested.

import type { WireWatch } from './sim-connection';
import type { SimNode } from './sim-node';

const CHOKE = 0;
const UNCHOKE = 1;
const INTERESTED = 2;
const NOT_INTERESTED = 3;
const HAVE = 4;
const BITFIELD = 5;
const REQUEST = 6;
const PIECE = 7;
const CANCEL = 8;
// BEP 6
const HAVE_ALL = 14;
const HAVE_NONE = 15;
const REJECT = 16;
const ALLOWED_FAST = 17;
// BEP 10
const EXTENDED = 20;

/** Requests that wait, with their numbers: one block may be requested twice. */
class Requests {
  readonly #counts = new Map<string, number>();

  add(key: string): void {
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  /** False if it does not wait. */
  take(key: string): boolean {
    const count = this.#counts.get(key) ?? 0;
    if (count <= 1) this.#counts.delete(key);
    else this.#counts.set(key, count - 1);
    return count > 0;
  }

  clear(): void {
    this.#counts.clear();
  }
}

export class Referee implements WireWatch {
  readonly #node: SimNode;
  /** Both sides announced the fast extension (BEP 6): a choke alone voids no request. */
  readonly #fast: boolean;
  /** The first message that is no handshake has been sent. */
  #begun = false;
  #weAreInterested = false;
  /** As the messages so far say. */
  #theyChoke = true;
  readonly #theirs = new Set<number>();
  #theyHaveAll = false;
  readonly #allowed = new Set<number>();
  /** Their number for peer exchange; undefined without it. */
  #pexId: number | undefined;
  /** What they requested, and still wait for. */
  readonly #asked = new Requests();

  constructor(node: SimNode, fast: boolean) {
    this.#node = node;
    this.#fast = fast;
  }

  sent(bytes: Uint8Array): void {
    for (const message of messagesIn(bytes)) this.#judge(message);
  }

  received(bytes: Uint8Array): void {
    for (const message of messagesIn(bytes)) this.#learn(message);
  }

  served(piece: number, begin: number, lengthBytes: number): void {
    const key = `${piece} ${begin} ${lengthBytes}`;
    if (!this.#asked.take(key)) this.#foul(`sends block ${key}, which was not requested`);
    this.#mustHave(piece, 'sends');
  }

  #judge(message: DataView): void {
    const id = message.getUint8(0);
    if (id !== EXTENDED && (id === BITFIELD || id === HAVE_ALL || id === HAVE_NONE)) {
      if (this.#begun) this.#foul(`sends message ${id} after others`);
    }
    if (id !== EXTENDED) this.#begun = true;
    switch (id) {
      case CHOKE:
        if (!this.#fast) this.#asked.clear();
        return;
      case INTERESTED:
        this.#weAreInterested = true;
        return;
      case NOT_INTERESTED:
        this.#weAreInterested = false;
        return;
      case HAVE:
        return this.#mustHave(message.getUint32(1), 'announces');
      case HAVE_ALL:
        for (let piece = 0; piece < this.#pieceCount; piece++) this.#mustHave(piece, 'announces');
        return;
      case BITFIELD:
        for (const piece of bitsOf(message)) this.#mustHave(piece, 'announces');
        return;
      case REQUEST:
        return this.#judgeRequest(message);
      case REJECT:
        if (!this.#asked.take(keyOf(message))) this.#foul('rejects a request that was not sent');
        return;
      case EXTENDED:
        return this.#judgeExtended(message);
      case PIECE:
        return this.#foul('sends a block past its uplink');
    }
  }

  #judgeRequest(message: DataView): void {
    const piece = message.getUint32(1);
    const key = keyOf(message);
    if (!this.#theyHaveAll && !this.#theirs.has(piece))
      this.#foul(`requests ${key}, which was not offered`);
    if (this.#theyChoke && !this.#allowed.has(piece)) this.#foul(`requests ${key} while choked`);
    if (!this.#weAreInterested) this.#foul(`requests ${key} without interest`);
    const { possession } = this.#node.torrent.content;
    if (possession.have.get(piece)) return; // The order to cancel may be on its way.
    if (piece >= this.#pieceCount) this.#foul(`requests ${key}, which does not exist`);
  }

  /** Peers of a private torrent are those of its tracker (BEP 27), once its thread knows. */
  #judgeExtended(message: DataView): void {
    const { swarm, thread } = this.#node;
    if (!swarm.torrent.metainfo.private || thread.swarm?.closed === false) return;
    const id = message.getUint8(1);
    if (id === 0 ? pexIdIn(message) !== undefined : id === this.#pexId)
      this.#foul('exchanges peers of a private torrent');
  }

  #learn(message: DataView): void {
    switch (message.getUint8(0)) {
      case CHOKE:
        this.#theyChoke = true;
        return;
      case UNCHOKE:
        this.#theyChoke = false;
        return;
      case HAVE:
        this.#theirs.add(message.getUint32(1));
        return;
      case HAVE_ALL:
        this.#theyHaveAll = true;
        return;
      case BITFIELD:
        for (const piece of bitsOf(message)) this.#theirs.add(piece);
        return;
      case REQUEST:
        this.#asked.add(keyOf(message));
        return;
      case CANCEL:
        // With the fast extension it is answered, by the block or by a reject.
        if (!this.#fast) this.#asked.take(keyOf(message));
        return;
      case EXTENDED:
        if (message.getUint8(1) === 0) this.#pexId = pexIdIn(message);
        return;
      case ALLOWED_FAST:
        this.#allowed.add(message.getUint32(1));
        return;
    }
  }

  get #pieceCount(): number {
    return this.#node.swarm.torrent.metainfo.pieceCount;
  }

  #mustHave(piece: number, does: string): void {
    if (!this.#node.hasStored(piece)) this.#foul(`${does} piece ${piece}, which it has not stored`);
  }

  #foul(what: string): never {
    throw new Error(`${this.#node.host} ${what}`);
  }
}

/** Views of the messages after their length fields; keep-alives are passed over. */
function* messagesIn(bytes: Uint8Array): Generator<DataView> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < bytes.length;) {
    const length = view.getUint32(at);
    if (length > 0) yield new DataView(bytes.buffer, bytes.byteOffset + at + 4, length);
    at += 4 + length;
  }
}

function* bitsOf(message: DataView): Generator<number> {
  for (let piece = 0; piece < 8 * (message.byteLength - 1); piece++)
    if (message.getUint8(1 + (piece >> 3)) & (0x80 >> (piece & 7))) yield piece;
}

/** The number of peer exchange (BEP 11) in an extended handshake. */
function pexIdIn({ buffer, byteOffset, byteLength }: DataView): number | undefined {
  const text = Buffer.from(buffer, byteOffset, byteLength).toString('latin1');
  const id = /6:ut_pexi(\d+)e/.exec(text)?.[1];
  return id === undefined || id === '0' ? undefined : Number(id);
}

/** Piece, begin and length of a request, a cancel or a reject. */
function keyOf(message: DataView): string {
  return `${message.getUint32(1)} ${message.getUint32(5)} ${message.getUint32(9)}`;
}
