// PURE. Which pieces of a torrent we have, which are wanted, and which would survive a power cut.
// The only owner of this state: bits, counts, picker and durability change together, by `gain` and
// `lose`.

import { Bitfield } from '../../bytes/bitfield';
import type { ReadonlyBitfield } from '../../bytes/bitfield';
import type { Layout } from '../../metainfo/layout';
import { PiecePicker } from '../../picker/picker';
import { Durability } from './durability';

export class Possession {
  /** Pieces that are verified and written. */
  readonly have: ReadonlyBitfield;
  /** The bytes of `have`, shared with the threads that upload. */
  readonly haveBuffer: SharedArrayBuffer;
  /** Chooses what to fetch next. */
  readonly picker: Omit<PiecePicker, 'markHave' | 'markMissing' | 'setWanted' | 'remaining'>;
  /** What finished syncs cover, and what waits for one. */
  readonly durability: Omit<Durability, 'written' | 'trust' | 'lose'>;
  private readonly layout: Layout;
  private readonly haveBits: Bitfield;
  /** Pieces that we have or do not want: the others are worth fetching. */
  private readonly settled: Bitfield;
  private readonly ownPicker: PiecePicker;
  private readonly ownDurability: Durability;
  private heldPieces = 0;
  private heldBytes = 0;
  /** Fetched pieces that are not announced to peers; some may have been lost since. */
  private news: number[] = [];
  private lostSinceNews = false;

  /** Starts without any piece, and wants all. `random` returns numbers in [0, 1). */
  constructor(layout: Layout, random: () => number) {
    const { pieceCount } = layout;
    const bytes = Bitfield.byteLength(pieceCount);
    this.haveBuffer = new SharedArrayBuffer(Math.max(1, bytes));
    this.layout = layout;
    this.haveBits = new Bitfield(pieceCount, new Uint8Array(this.haveBuffer, 0, bytes));
    this.settled = new Bitfield(pieceCount);
    this.ownPicker = new PiecePicker({ pieceCount, random });
    this.ownDurability = new Durability(new Bitfield(pieceCount));
    this.have = this.haveBits;
    this.picker = this.ownPicker;
    this.durability = this.ownDurability;
  }

  /** We have every piece: we are a seed. */
  get hasAll(): boolean {
    return this.heldPieces === this.haveBits.length;
  }

  /**
   * We have every wanted piece: nothing is left to fetch. True for a seed, and possibly for others.
   */
  get hasAllWanted(): boolean {
    return this.ownPicker.remaining === 0;
  }

  get donePieces(): number {
    return this.heldPieces;
  }

  /** File bytes in the pieces that we have, without padding. */
  get doneBytes(): number {
    return this.heldBytes;
  }

  /** Number of pieces that we lack, wanted or not. */
  get missingPieces(): number {
    return this.haveBits.length - this.heldPieces;
  }

  /** Number of wanted pieces that we lack. */
  get missingWantedPieces(): number {
    return this.ownPicker.remaining;
  }

  /** The piece is wanted, and we lack it. */
  lacks(piece: number): boolean {
    return !this.settled.get(piece);
  }

  /** How many of these pieces are wanted and lacking. */
  countLacking(pieces: ReadonlyBitfield): number {
    return pieces.countWithout(this.settled);
  }

  /** Adds pieces that are good and durable according to the resume record. */
  trust(pieces: ReadonlyBitfield): void {
    for (let piece = pieces.nextSet(0); piece !== -1; piece = pieces.nextSet(piece + 1)) {
      this.add(piece);
      this.ownDurability.trust(piece);
    }
  }

  /**
   * Adds a piece that a check found on disk. It still needs a sync, because nobody knows when it
   * was written. Returns false if it was not lacking.
   */
  adopt(piece: number, nowMs: number): boolean {
    const lacked = this.lacks(piece);
    const layout = this.layout;
    this.add(piece);
    const lengthBytes = layout.geometry.pieceLengthBytes(piece);
    this.ownDurability.written(piece, lengthBytes, layout.pathsOfPiece(piece), nowMs);
    return lacked;
  }

  /** Adds a piece that was fetched, verified and written. Returns false if it was not lacking. */
  gain(piece: number, nowMs: number): boolean {
    const lacked = this.adopt(piece, nowMs);
    this.news.push(piece);
    return lacked;
  }

  /** Removes a piece; returns false if we did not have it. The caller stops the torrent's peers. */
  lose(piece: number): boolean {
    if (!this.haveBits.get(piece)) return false;
    this.haveBits.clear(piece);
    this.ownDurability.lose(piece);
    this.ownPicker.markMissing(piece);
    if (this.ownPicker.isWanted(piece)) this.settled.clear(piece);
    this.heldPieces--;
    this.heldBytes -= this.layout.contentBytes(piece);
    this.lostSinceNews = true;
    return true;
  }

  /** Another program touched a file of the piece: it no longer counts as durable. */
  doubt(piece: number): void {
    this.ownDurability.lose(piece);
  }

  /** Sets whether the piece is to be fetched. The caller recounts the useful pieces of sources. */
  setWanted(piece: number, wanted: boolean): void {
    this.ownPicker.setWanted(piece, wanted);
    if (wanted && !this.haveBits.get(piece)) this.settled.clear(piece);
    else this.settled.set(piece);
  }

  /** Some fetched pieces are not announced to peers yet. */
  get hasNews(): boolean {
    return this.news.length > 0;
  }

  /** Takes the fetched pieces that are to be announced to peers. */
  takeNews(): readonly number[] {
    const news = this.lostSinceNews
      ? this.news.filter((piece) => this.haveBits.get(piece))
      : this.news;
    this.news = [];
    this.lostSinceNews = false;
    return news;
  }

  private add(piece: number): void {
    if (this.haveBits.get(piece)) return;
    this.haveBits.set(piece);
    this.settled.set(piece);
    this.ownPicker.markHave(piece);
    this.heldPieces++;
    this.heldBytes += this.layout.contentBytes(piece);
  }
}
