// The half of a session that gives: which requests of the peer are answered, and how many may wait
// for their bytes. Reading and writing them is the edge's business.

import type { Bitfield } from '../bytes/bitfield';
import { MillraceError } from '../errors/millrace-error';
import type { Geometry } from '../metainfo/geometry';
import { BLOCK_LENGTH_BYTES } from '../bytes/lengths';
import { RequestQueue } from './request-queue';

/**
 * Longest request answered: 128 KiB. BEP 3 speaks of 2^14 and of closing on more, but deployed
 * clients ask for up to 2^17, and an answer of that size costs nothing extra.
 */
export const MAX_REQUEST_LENGTH_BYTES = 8 * BLOCK_LENGTH_BYTES;

/** What becomes of a request that is not served: silence (BEP 3), or a reject message (BEP 6). */
export type Refusal = 'ignore' | 'reject';

/** What becomes of a request. */
export type Verdict = 'serve' | Refusal;

export class Serving {
  /** Requests in order of arrival, up to the announced `reqq` of them. */
  readonly queue: RequestQueue;
  private readonly geometry: Geometry;
  private readonly have: Bitfield;
  private readonly maxRequests: number;
  private readonly refusal: Refusal;
  private isChoked = true;

  /** `hashSeed`: 32 random bits. */
  constructor(
    geometry: Geometry,
    have: Bitfield,
    maxRequests: number,
    hashSeed: number,
    refusal: Refusal = 'ignore',
  ) {
    this.geometry = geometry;
    this.have = have;
    this.maxRequests = maxRequests;
    this.refusal = refusal;
    this.queue = new RequestQueue(hashSeed);
  }

  /** We choke the peer: its requests are refused. */
  get choked(): boolean {
    return this.isChoked;
  }

  /** Requests that wait. */
  get waiting(): number {
    return this.queue.length;
  }

  /** Choking forgets everything asked for: the peer knows and will ask again. */
  setChoked(choked: boolean): void {
    this.isChoked = choked;
    if (choked) this.queue.clear();
  }

  /**
   * The peer asks for a block: it is queued (`serve`) or refused, where we choke the peer or do not
   * have the piece. Throws `bad-piece-index`, `bad-request` or `request-flood`.
   */
  request(piece: number, begin: number, lengthBytes: number): Verdict {
    if (piece >= this.geometry.pieceCount) {
      throw new MillraceError('bad-piece-index', `piece ${piece} does not exist`);
    }
    const pieceBytes = this.geometry.pieceLengthBytes(piece);
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
    if (this.isChoked || !this.have.get(piece)) return this.refusal;
    if (this.waiting >= this.maxRequests) {
      throw new MillraceError(
        'request-flood',
        `more than ${this.maxRequests} requests outstanding (reqq)`,
      );
    }
    this.queue.push(piece, begin, lengthBytes);
    return 'serve';
  }
}
