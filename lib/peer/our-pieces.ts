// PURE. Announces our pieces to a peer: a bitfield as the first message, or `have all` or `have none` in
// its place (BEP 6), and a `have` for each later piece. A bitfield may only be the first message (BEP 3),
// and rTorrent closes on a later one, so a session that began without the content sends `have`s, a part
// at a time. While we super-seed (BEP 16), single pieces are revealed.

import { Bitfield } from '../bytes/bitfield';
import type { ReadonlyBitfield } from '../bytes/bitfield';
import type { WireWriter } from '../wire/encoder';

/**
 * Most `have`s in a part: 36 KiB of 9 bytes each. The next part follows when the system has taken this one,
 * so a peer that reads slowly holds no more than that of our memory, however many pieces there are.
 */
const HAVES_IN_PART = 4_096;

export class OurPieces {
  private readonly writer: WireWriter;
  private readonly fast: boolean;
  private have: ReadonlyBitfield | undefined;
  /** The peer was sent the pieces below this one; those from it on follow in order. */
  private next: number;
  /** The pieces that were revealed while others are concealed; undefined if none ever were concealed. */
  private shown: Bitfield | undefined;
  private concealing = false;

  /**
   * `fast`: the fast extension is in use (BEP 6). `have`: undefined while the content is not known;
   * `open` adds it. `conceal`: only what is revealed is announced.
   */
  constructor(
    writer: WireWriter,
    fast: boolean,
    have: ReadonlyBitfield | undefined,
    conceal = false,
  ) {
    this.writer = writer;
    this.fast = fast;
    this.have = have;
    this.next = have === undefined ? 0 : Infinity;
    if (have !== undefined && conceal) this.conceal(have);
  }

  /**
   * Sends the first message: always with the fast extension (BEP 6), else only if we have pieces to
   * announce.
   */
  start(): void {
    const { have, writer, fast } = this;
    if (have === undefined || have.isEmpty() || this.concealing) {
      if (fast) writer.haveNone();
    } else if (fast && have.isFull()) writer.haveAll();
    else writer.bitfield(have.bytes);
  }

  /** A session that began without the content gets it. */
  open(have: ReadonlyBitfield, conceal = false): void {
    this.have = have;
    if (conceal) this.conceal(have);
    else this.announceOn();
  }

  /** The only pieces that the peer may request; undefined: all that we have. */
  get onlyShown(): ReadonlyBitfield | undefined {
    return this.concealing ? this.shown : undefined;
  }

  /** Announces one more piece. */
  reveal(piece: number): void {
    const { shown } = this;
    if (!this.concealing || shown === undefined || shown.get(piece)) return;
    shown.set(piece);
    this.writer.have(piece);
  }

  /** The other pieces are announced, too, a part at a time. */
  revealAll(): void {
    if (!this.concealing) return;
    this.concealing = false;
    this.next = 0;
    this.announceOn();
  }

  /** Some pieces wait for `announceOn`. */
  get areWaiting(): boolean {
    return this.have !== undefined && this.next !== Infinity;
  }

  /** Announces the next part of the pieces that wait. */
  announceOn(): void {
    const { have, writer, shown } = this;
    if (have === undefined || this.next === Infinity) return;
    let piece = have.nextSet(this.next);
    for (let left = HAVES_IN_PART; piece !== -1 && left > 0; left--) {
      if (shown?.get(piece) !== true) writer.have(piece);
      piece = have.nextSet(piece + 1);
    }
    this.next = piece === -1 ? Infinity : piece;
  }

  /** A piece was gained: it is announced now, or in its turn. */
  gained(piece: number): void {
    if (piece < this.next && !this.concealing) this.writer.have(piece);
  }

  private conceal(have: ReadonlyBitfield): void {
    this.concealing = true;
    this.shown = new Bitfield(have.length);
    this.next = Infinity;
  }
}
