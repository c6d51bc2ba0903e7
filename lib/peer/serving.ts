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

export class Serving {
  /** Requests in order of arrival, up to the announced `reqq` of them. */
  readonly queue: RequestQueue;
  private readonly geometry: Geometry;
  private readonly have: Bitfield;
  private readonly maxRequests: number;
  private isChoked = true;

  /** `hashSeed`: 32 random bits. */
  constructor(geometry: Geometry, have: Bitfield, maxRequests: number, hashSeed: number) {
    this.geometry = geometry;
    this.have = have;
    this.maxRequests = maxRequests;
    this.queue = new RequestQueue(hashSeed);
  }

  /** We choke the peer: its requests are ignored (BEP 3). */
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
   * The peer asks for a block. True if it is to be answered; false if it is to be ignored (choked,
   * or a piece that we do not have and never offered). Throws `bad-piece-index`, `bad-request` or
   * `request-flood`.
   */
  request(piece: number, begin: number, lengthBytes: number): boolean {
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
    if (this.isChoked || !this.have.get(piece)) return false;
    if (this.waiting >= this.maxRequests) {
      throw new MillraceError(
        'request-flood',
        `more than ${this.maxRequests} requests outstanding (reqq)`,
      );
    }
    this.queue.push(piece, begin, lengthBytes);
    return true;
  }
}
