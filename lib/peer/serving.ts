// The uploading half of a session: decides which requests of the peer are answered, and how many
// may wait. Reading and sending the data is done in `net`.

import { MillraceError } from '../errors/millrace-error';
import type { ReadonlyBitfield } from '../bytes/bitfield';
import { BLOCK_LENGTH_BYTES } from '../bytes/lengths';
import { RequestQueue } from './request-queue';
import type { SessionContent } from './session-types';
import type { Allowance } from '../rate/dealer';

/**
 * Longest request answered: 128 KiB. BEP 3 specifies 2^14 and says that longer requests end the
 * connection, but deployed clients request up to 2^17, and an answer of that size costs nothing
 * extra.
 */
export const MAX_REQUEST_LENGTH_BYTES = 8 * BLOCK_LENGTH_BYTES;

/** Rejects a request of the peer (BEP 6). */
export type Refuse = (piece: number, begin: number, lengthBytes: number) => void;

export class Serving {
  /** Requests in order of arrival, up to the announced `reqq` of them. */
  readonly queue: RequestQueue;
  /** What a rate limit allows; undefined: no limit. Payload is paid for when it is sent. */
  allowance: Allowance | undefined;
  /** Undefined until the metainfo is known: nothing is served until then. */
  private content: SessionContent | undefined;
  private readonly maxRequests: number;
  private readonly refuse: Refuse | undefined;
  private isChoked = true;
  /** The only pieces that are served; undefined: all that we have. */
  private only: ReadonlyBitfield | undefined;
  /** Pieces that are served while we choke (BEP 6), with the bytes of each that may still be served. */
  private readonly allowed = new Map<number, number>();

  /**
   * `hashSeed`: 32 random bits. `refuse` is called for every request that is not answered; undefined:
   * refusals are silent (BEP 3).
   */
  constructor(maxRequests: number, hashSeed: number, refuse?: Refuse) {
    this.maxRequests = maxRequests;
    this.refuse = refuse;
    this.queue = new RequestQueue(hashSeed);
  }

  open(content: SessionContent): void {
    this.content = content;
  }

  /** Serves these pieces only; undefined: all that we have. */
  restrictTo(only: ReadonlyBitfield | undefined): void {
    this.only = only;
  }

  /** We choke the peer: its requests are refused. */
  get choked(): boolean {
    return this.isChoked;
  }

  /** Requests that wait. */
  get waiting(): number {
    return this.queue.length;
  }

  /**
   * Choking drops all pending requests, except those for allowed pieces. Without the fast extension, a
   * choke implies that (BEP 3).
   */
  setChoked(choked: boolean): void {
    this.isChoked = choked;
    const { queue, allowed } = this;
    if (choked)
      this.drop((slot) => !this.takeAllowed(queue.pieceAt(slot), queue.lengthBytesAt(slot)));
    else if (allowed.size > 0) this.giveBackAllowed();
  }

  /** What waits at an unchoke is served for the slot, and the next choke takes it anew. */
  private giveBackAllowed(): void {
    const { queue, allowed } = this;
    for (let slot = queue.first; slot !== -1; slot = queue.next(slot)) {
      const leftBytes = allowed.get(queue.pieceAt(slot));
      if (leftBytes !== undefined)
        allowed.set(queue.pieceAt(slot), leftBytes + queue.lengthBytesAt(slot));
    }
  }

  /** These pieces, and no others, are served while we choke; each of their bytes about once. */
  allow(pieces: readonly number[]): void {
    this.allowed.clear();
    const { content } = this;
    if (content === undefined) return;
    for (const piece of pieces) this.allowed.set(piece, content.geometry.pieceLengthBytes(piece));
  }

  /** The piece cannot be read: requests for it are dropped. */
  dropPiece(piece: number): void {
    this.drop((slot) => this.queue.pieceAt(slot) === piece);
  }

  /** The peer cancels a request; with the fast extension it is rejected (BEP 6). */
  cancel(piece: number, begin: number, lengthBytes: number): void {
    if (this.queue.cancel(piece, begin, lengthBytes)) this.refuse?.(piece, begin, lengthBytes);
  }

  /**
   * Handles a request. Returns true if it was queued; it is refused if we choke the peer or lack the
   * piece. Throws `bad-piece-index`, `bad-request` or `request-flood`.
   */
  request(piece: number, begin: number, lengthBytes: number): boolean {
    if (this.accepts(piece, begin, lengthBytes)) {
      this.queue.push(piece, begin, lengthBytes);
      return true;
    }
    this.refuse?.(piece, begin, lengthBytes);
    return false;
  }

  private accepts(piece: number, begin: number, lengthBytes: number): boolean {
    if (this.content === undefined) return false;
    const { geometry, have } = this.content;
    if (piece >= geometry.pieceCount) {
      throw new MillraceError('bad-piece-index', `piece ${piece} does not exist`);
    }
    const pieceBytes = geometry.pieceLengthBytes(piece);
    if (lengthBytes === 0 || lengthBytes > MAX_REQUEST_LENGTH_BYTES) {
      throw new MillraceError(
        'bad-request',
        `a request for ${lengthBytes} bytes: 1 to ${MAX_REQUEST_LENGTH_BYTES} are allowed`,
      );
    }
    if (begin + lengthBytes > pieceBytes) {
      throw new MillraceError(
        'bad-request',
        `a request for ${lengthBytes} bytes at ${begin} of a piece of ${pieceBytes}`,
      );
    }
    if (!(this.only ?? have).get(piece)) return false;
    if (this.isChoked && !this.takeAllowed(piece, lengthBytes)) return false;
    if (this.waiting >= this.maxRequests) {
      throw new MillraceError(
        'request-flood',
        `more than ${this.maxRequests} requests outstanding (reqq)`,
      );
    }
    return true;
  }

  /** Whether the request is within what we allow while we choke. */
  private takeAllowed(piece: number, lengthBytes: number): boolean {
    const leftBytes = this.allowed.get(piece) ?? 0;
    if (leftBytes < lengthBytes) return false;
    this.allowed.set(piece, leftBytes - lengthBytes);
    return true;
  }

  private drop(test: (slot: number) => boolean): void {
    const { queue, refuse } = this;
    queue.removeIf((slot) => {
      if (!test(slot)) return false;
      refuse?.(queue.pieceAt(slot), queue.beginAt(slot), queue.lengthBytesAt(slot));
      return true;
    });
  }

  /** The length of a request as a fraction of a whole block, 0 to 1. */
  partOfBlock(piece: number, lengthBytes: number): number {
    if (lengthBytes >= BLOCK_LENGTH_BYTES) return 1;
    const pieceBytes = this.content?.geometry.pieceLengthBytes(piece) ?? BLOCK_LENGTH_BYTES;
    return Math.min(1, lengthBytes / Math.min(BLOCK_LENGTH_BYTES, pieceBytes));
  }
}
