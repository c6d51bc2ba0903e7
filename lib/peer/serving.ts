// The uploading half of a session: decides which requests of the peer are answered, and how many
// may wait. Reading and sending the data is done in `net`.

import { MillraceError } from '../errors/millrace-error';
import { BLOCK_LENGTH_BYTES } from '../bytes/lengths';
import { RequestQueue } from './request-queue';
import type { Refusal, SessionContent } from './session-types';

/**
 * Longest request answered: 128 KiB. BEP 3 specifies 2^14 and says that longer requests end the
 * connection, but deployed clients request up to 2^17, and an answer of that size costs nothing
 * extra.
 */
export const MAX_REQUEST_LENGTH_BYTES = 8 * BLOCK_LENGTH_BYTES;

/** The decision on a request. */
export type Verdict = 'serve' | Refusal;

export class Serving {
  /** Requests in order of arrival, up to the announced `reqq` of them. */
  readonly queue: RequestQueue;
  /** Undefined until the metainfo is known: nothing is served until then. */
  private content: SessionContent | undefined;
  private readonly maxRequests: number;
  private readonly refusal: Refusal;
  private isChoked = true;

  /** `hashSeed`: 32 random bits. */
  constructor(maxRequests: number, hashSeed: number, refusal: Refusal = 'ignore') {
    this.maxRequests = maxRequests;
    this.refusal = refusal;
    this.queue = new RequestQueue(hashSeed);
  }

  open(content: SessionContent): void {
    this.content = content;
  }

  /** We choke the peer: its requests are refused. */
  get choked(): boolean {
    return this.isChoked;
  }

  /** Requests that wait. */
  get waiting(): number {
    return this.queue.length;
  }

  /** Choking drops all pending requests: the peer knows that, and will request again. */
  setChoked(choked: boolean): void {
    this.isChoked = choked;
    if (choked) this.queue.clear();
  }

  /**
   * Handles a request: queues it (`serve`), or refuses it if we choke the peer or lack the piece.
   * Throws `bad-piece-index`, `bad-request` or `request-flood`.
   */
  request(piece: number, begin: number, lengthBytes: number): Verdict {
    if (this.content === undefined) return this.refusal;
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
    if (this.isChoked || !have.get(piece)) return this.refusal;
    if (this.waiting >= this.maxRequests) {
      throw new MillraceError(
        'request-flood',
        `more than ${this.maxRequests} requests outstanding (reqq)`,
      );
    }
    this.queue.push(piece, begin, lengthBytes);
    return 'serve';
  }

  /** The length of a request as a fraction of a whole block, 0 to 1. */
  partOfBlock(piece: number, lengthBytes: number): number {
    if (lengthBytes >= BLOCK_LENGTH_BYTES) return 1;
    const pieceBytes = this.content?.geometry.pieceLengthBytes(piece) ?? BLOCK_LENGTH_BYTES;
    return Math.min(1, lengthBytes / Math.min(BLOCK_LENGTH_BYTES, pieceBytes));
  }
}
