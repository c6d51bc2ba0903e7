// PURE. Which pieces of a torrent are here, which are wanted, and which of them survive a power cut. The one
// owner of these: bits, counts, picker and durability change together, by `gain` and `lose`.

import { Bitfield } from '../bytes/bitfield';
import type { ReadonlyBitfield } from '../bytes/bitfield';
import type { Layout } from '../metainfo/layout';
import { PiecePicker } from '../picker/picker';
import { Durability } from './durability';

export class Possession {
  /** Verified and written. */
  readonly have: ReadonlyBitfield;
  /** The bytes of `have`, which the threads that serve peers read. */
  readonly haveBuffer: SharedArrayBuffer;
  /** What to fetch next. */
  readonly picker: Omit<PiecePicker, 'markHave' | 'markMissing' | 'setWanted' | 'remaining'>;
  /** What a finished sync covers, and what waits for one. */
  readonly durability: Omit<Durability, 'written' | 'trust' | 'lose'>;
  readonly #layout: Layout;
  readonly #have: Bitfield;
  /** Had, or not wanted: the others are worth fetching. */
  readonly #settled: Bitfield;
  readonly #picker: PiecePicker;
  readonly #durability: Durability;
  #donePieces = 0;
  #doneBytes = 0;
  /** Fetched and not announced to peers; some of them may have been lost since. */
  #news: number[] = [];
  #lostSinceNews = false;

  /** Nothing is had, and everything is wanted. `random` gives numbers in [0, 1). */
  constructor(layout: Layout, random: () => number) {
    const { pieceCount } = layout;
    const bytes = Bitfield.byteLength(pieceCount);
    this.haveBuffer = new SharedArrayBuffer(Math.max(1, bytes));
    this.#layout = layout;
    this.#have = new Bitfield(pieceCount, new Uint8Array(this.haveBuffer, 0, bytes));
    this.#settled = new Bitfield(pieceCount);
    this.#picker = new PiecePicker({ pieceCount, random });
    this.#durability = new Durability(new Bitfield(pieceCount));
    this.have = this.#have;
    this.picker = this.#picker;
    this.durability = this.#durability;
  }

  /** Every piece of the torrent is here: we are a seed. */
  get hasAll(): boolean {
    return this.#donePieces === this.#have.length;
  }

  /** Every wanted piece is here: nothing is left to fetch. True of a seed, and of others. */
  get hasAllWanted(): boolean {
    return this.#picker.remaining === 0;
  }

  get donePieces(): number {
    return this.#donePieces;
  }

  /** Bytes of files in the pieces that are here; padding is not counted. */
  get doneBytes(): number {
    return this.#doneBytes;
  }

  /** Pieces that are not here, wanted or not. */
  get missingPieces(): number {
    return this.#have.length - this.#donePieces;
  }

  /** Pieces that are wanted and not here. */
  get missingWantedPieces(): number {
    return this.#picker.remaining;
  }

  /** The piece is wanted and not here. */
  lacks(piece: number): boolean {
    return !this.#settled.get(piece);
  }

  /** How many of these pieces are wanted and not here. */
  countLacking(pieces: ReadonlyBitfield): number {
    return pieces.countWithout(this.#settled);
  }

  /** These pieces are good, and a finished sync covers them: the resume record says so. */
  trust(pieces: ReadonlyBitfield): void {
    for (let piece = pieces.nextSet(0); piece !== -1; piece = pieces.nextSet(piece + 1)) {
      this.#add(piece);
      this.#durability.trust(piece);
    }
  }

  /** A check found the piece on disk: when it was written is not known. */
  adopt(piece: number, nowMs: number): void {
    const layout = this.#layout;
    this.#add(piece);
    const lengthBytes = layout.geometry.pieceLengthBytes(piece);
    this.#durability.written(piece, lengthBytes, layout.pathsOfPiece(piece), nowMs);
  }

  /** The piece was fetched, verified and written. False if it was not lacking. */
  gain(piece: number, nowMs: number): boolean {
    const lacked = this.lacks(piece);
    this.adopt(piece, nowMs);
    this.#news.push(piece);
    return lacked;
  }

  /** The piece is not here any more; false if it was not before. The caller stops the torrent's peers. */
  lose(piece: number): boolean {
    if (!this.#have.get(piece)) return false;
    this.#have.clear(piece);
    this.#durability.lose(piece);
    this.#picker.markMissing(piece);
    if (this.#picker.isWanted(piece)) this.#settled.clear(piece);
    this.#donePieces--;
    this.#doneBytes -= this.#layout.contentBytes(piece);
    this.#lostSinceNews = true;
    return true;
  }

  /** Another program touched a file of the piece: what a sync covered may have changed. */
  doubt(piece: number): void {
    this.#durability.lose(piece);
  }

  /** Whether the piece is to be fetched. The caller counts anew what peers have of use. */
  setWanted(piece: number, wanted: boolean): void {
    this.#picker.setWanted(piece, wanted);
    if (wanted && !this.#have.get(piece)) this.#settled.clear(piece);
    else this.#settled.set(piece);
  }

  /** Some fetched pieces are not announced to peers yet. */
  get hasNews(): boolean {
    return this.#news.length > 0;
  }

  /** The fetched pieces that are to be announced to peers; each is handed out once. */
  takeNews(): readonly number[] {
    const news = this.#lostSinceNews
      ? this.#news.filter((piece) => this.#have.get(piece))
      : this.#news;
    this.#news = [];
    this.#lostSinceNews = false;
    return news;
  }

  #add(piece: number): void {
    if (this.#have.get(piece)) return;
    this.#have.set(piece);
    this.#settled.set(piece);
    this.#picker.markHave(piece);
    this.#donePieces++;
    this.#doneBytes += this.#layout.contentBytes(piece);
  }
}
