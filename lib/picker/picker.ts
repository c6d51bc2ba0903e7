// Chooses the piece to start next: the rarest that the peer has. Candidates (wanted, missing, not
// being downloaded) are kept in one array sorted by availability, with the boundaries of each
// availability, so that a `have` costs two swaps and the rarest piece comes first.

import type { Bitfield } from '../bytes/bitfield';
import { MillraceError } from '../errors/millrace-error';

const WANTED = 1;
const ACTIVE = 2;
const HAVE = 4;

// Entries scanned before the other search. A peer with a fair share of the pieces has one of the
// first few; after this many it is cheaper to walk the peer's bitfield than the order: 100 000
// pieces are 12 500 bytes.
const SCANNED_ENTRIES = 128;

/** Rarest-first choice among the pieces of one torrent; ties are broken at random. */
export class PiecePicker {
  private readonly pieceCount: number;
  private readonly random: () => number;
  /** WANTED | ACTIVE | HAVE for each piece; a candidate has exactly WANTED. */
  private readonly flags: Uint8Array;
  /** Number of peers, without seeds, that have each piece. */
  private readonly holders: Int32Array;
  /**
   * The candidates, rarest first, in random order among equally rare ones; valid up to
   * `candidateCount`.
   */
  private readonly order: Int32Array;
  /** Position of each candidate in `order`; undefined for other pieces. */
  private readonly positions: Int32Array;
  /** The candidates as bits in wire order, to be combined with a peer's bitfield byte by byte. */
  private readonly candidateBits: Uint8Array;
  /**
   * `bucketStarts[n]`: where candidates with n holders begin; an empty bucket begins where it ends.
   */
  private bucketStarts = new Int32Array(16);
  /** Buckets in use, at least one; those above are empty. */
  private bucketCount = 1;
  private candidateCount: number;
  private remainingCount: number;
  private seedCount = 0;

  /** Every piece begins wanted, missing and idle. `random` returns numbers in [0, 1). */
  constructor(options: { readonly pieceCount: number; readonly random: () => number }) {
    const { pieceCount } = options;
    this.pieceCount = pieceCount;
    this.random = options.random;
    this.flags = new Uint8Array(pieceCount).fill(WANTED);
    this.holders = new Int32Array(pieceCount);
    this.positions = new Int32Array(pieceCount);
    this.candidateBits = new Uint8Array(Math.ceil(pieceCount / 8));
    this.candidateCount = pieceCount;
    this.remainingCount = pieceCount;
    this.order = new Int32Array(pieceCount);
    for (let piece = 0; piece < pieceCount; piece += 1) {
      this.place(piece, piece);
      this.setCandidateBit(piece);
      this.shuffleIn(piece, 0, piece + 1);
    }
  }

  /** Number of wanted pieces that are missing. */
  get remaining(): number {
    return this.remainingCount;
  }

  /** Number of pieces that are wanted, missing and not active: `pick` chooses from these. */
  get idle(): number {
    return this.candidateCount;
  }

  /** A new peer has every piece. Takes constant time: all pieces become equally less rare. */
  addSeed(): void {
    this.seedCount += 1;
  }

  removeSeed(): void {
    if (this.seedCount === 0) throw miscounted('a seed');
    this.seedCount -= 1;
  }

  /** A peer that is not a seed has the piece. Must be called once per peer and piece. */
  addHave(piece: number): void {
    const holders = this.at(this.holders, piece);
    this.holders[piece] = holders + 1;
    if (this.flags[piece] !== WANTED) return;
    this.addBuckets(holders + 1);
    // Swapped with the last of its bucket, it becomes the first of the next one when the boundary
    // moves.
    const boundary = this.bucketEnd(holders) - 1;
    this.swap(this.positions[piece] as number, boundary);
    this.bucketStarts[holders + 1] = boundary;
    this.shuffleIn(boundary, boundary, this.bucketEnd(holders + 1));
  }

  /** A peer that had the piece is gone. */
  removeHave(piece: number): void {
    const holders = this.at(this.holders, piece);
    if (holders === 0) throw miscounted(`piece ${piece}`);
    this.holders[piece] = holders - 1;
    if (this.flags[piece] !== WANTED) return;
    const boundary = this.bucketStarts[holders] as number;
    this.swap(this.positions[piece] as number, boundary);
    this.bucketStarts[holders] = boundary + 1;
    this.shuffleIn(boundary, this.bucketStarts[holders - 1] as number, boundary + 1);
    this.dropEmptyBuckets();
  }

  /** Number of peers, including seeds, that have the piece. */
  availability(piece: number): number {
    return this.at(this.holders, piece) + this.seedCount;
  }

  setWanted(piece: number, wanted: boolean): void {
    this.setFlags(piece, wanted ? WANTED : 0, wanted ? 0 : WANTED);
  }

  isWanted(piece: number): boolean {
    return (this.at(this.flags, piece) & WANTED) !== 0;
  }

  /** The piece is wanted, missing and not active: `pick` may choose it. */
  isIdle(piece: number): boolean {
    return this.at(this.flags, piece) === WANTED;
  }

  /** The piece is being downloaded: `pick` skips it. */
  markActive(piece: number): void {
    this.setFlags(piece, ACTIVE, 0);
  }

  /** The piece is no longer being downloaded, and may be picked again if it is wanted. */
  markIdle(piece: number): void {
    this.setFlags(piece, 0, ACTIVE);
  }

  /** The piece is verified. */
  markHave(piece: number): void {
    this.setFlags(piece, HAVE, ACTIVE);
  }

  /** The piece was lost (a recheck found other bytes). */
  markMissing(piece: number): void {
    this.setFlags(piece, 0, HAVE);
  }

  /**
   * The rarest idle piece that the peer has, or -1; a random one among equally rare ones. The piece
   * stays idle until `markActive`.
   */
  pick(peerHas: Bitfield | 'all'): number {
    if (this.candidateCount === 0) return -1;
    if (peerHas === 'all') return this.order[0] as number;
    const scanned = Math.min(this.candidateCount, SCANNED_ENTRIES);
    for (let i = 0; i < scanned; i += 1) {
      const piece = this.order[i] as number;
      if (peerHas.get(piece)) return piece;
    }
    return scanned === this.candidateCount ? -1 : this.pickFromBits(peerHas.bytes);
  }

  /** The same result as a full scan, found by walking the candidates that the peer has. */
  private pickFromBits(peerBytes: Uint8Array): number {
    let bestPosition = this.candidateCount;
    for (let i = 0; i < this.candidateBits.length; i += 1) {
      let both = (this.candidateBits[i] as number) & (peerBytes[i] as number);
      while (both !== 0) {
        // clz32 of a byte is 24 for its high bit, which is the first of its eight pieces.
        const bit = Math.clz32(both) - 24;
        const position = this.positions[8 * i + bit] as number;
        if (position < bestPosition) bestPosition = position;
        both &= ~(0x80 >>> bit);
      }
    }
    return bestPosition < this.candidateCount ? (this.order[bestPosition] as number) : -1;
  }

  private setFlags(piece: number, set: number, clear: number): void {
    const before = this.at(this.flags, piece);
    const after = (before & ~clear) | set;
    if (after === before) return;
    // The piece is removed from the order under its old flags and inserted under its new ones.
    if (before === WANTED) this.removeCandidate(piece);
    this.flags[piece] = after;
    this.remainingCount += isRemaining(after) - isRemaining(before);
    if (after === WANTED) this.insertCandidate(piece);
  }

  /**
   * Makes room at the end of its bucket: the first entry of every higher bucket moves to that
   * bucket's end.
   */
  private insertCandidate(piece: number): void {
    const holders = this.holders[piece] as number;
    this.addBuckets(holders);
    let hole = this.candidateCount;
    for (let bucket = this.bucketCount - 1; bucket > holders; bucket -= 1) {
      const first = this.bucketStarts[bucket] as number;
      if (first !== hole) this.place(this.order[first] as number, hole);
      this.bucketStarts[bucket] = first + 1;
      hole = first;
    }
    this.place(piece, hole);
    this.candidateCount += 1;
    this.setCandidateBit(piece);
    this.shuffleIn(hole, this.bucketStarts[holders] as number, hole + 1);
  }

  /**
   * Closes the gap: the last entry of its bucket, and of every higher bucket, moves down by one
   * gap.
   */
  private removeCandidate(piece: number): void {
    let hole = this.positions[piece] as number;
    for (let bucket = this.holders[piece] as number; bucket < this.bucketCount; bucket += 1) {
      const last = this.bucketEnd(bucket) - 1;
      if (last > hole) {
        this.place(this.order[last] as number, hole);
        hole = last;
      }
      if (bucket + 1 < this.bucketCount) this.bucketStarts[bucket + 1] = hole;
    }
    this.candidateCount -= 1;
    const byte = piece >>> 3;
    this.candidateBits[byte] = (this.candidateBits[byte] as number) & ~(0x80 >>> (piece & 7));
    this.dropEmptyBuckets();
  }

  private bucketEnd(bucket: number): number {
    return bucket + 1 < this.bucketCount
      ? (this.bucketStarts[bucket + 1] as number)
      : this.candidateCount;
  }

  private addBuckets(upTo: number): void {
    if (upTo >= this.bucketStarts.length) {
      const grown = new Int32Array(Math.max(upTo + 1, 2 * this.bucketStarts.length));
      grown.set(this.bucketStarts);
      this.bucketStarts = grown;
    }
    while (this.bucketCount <= upTo) {
      this.bucketStarts[this.bucketCount] = this.candidateCount;
      this.bucketCount += 1;
    }
  }

  /** Limits walks over buckets to the availability of the most common candidate. */
  private dropEmptyBuckets(): void {
    while (
      this.bucketCount > 1 &&
      this.bucketStarts[this.bucketCount - 1] === this.candidateCount
    ) {
      this.bucketCount -= 1;
    }
  }

  /**
   * Moves the entry at `position` to a random place in `start` to `end`, which keeps the order
   * uniform.
   */
  private shuffleIn(position: number, start: number, end: number): void {
    this.swap(position, start + Math.floor(this.random() * (end - start)));
  }

  private swap(a: number, b: number): void {
    if (a === b) return;
    const pieceAtA = this.order[a] as number;
    this.place(this.order[b] as number, a);
    this.place(pieceAtA, b);
  }

  private place(piece: number, position: number): void {
    this.order[position] = piece;
    this.positions[piece] = position;
  }

  private setCandidateBit(piece: number): void {
    const byte = piece >>> 3;
    this.candidateBits[byte] = (this.candidateBits[byte] as number) | (0x80 >>> (piece & 7));
  }

  private at(array: Uint8Array | Int32Array, piece: number): number {
    const value = array[piece];
    if (value === undefined) {
      throw new MillraceError(
        'unexpected',
        `piece ${piece} is not in a torrent of ${this.pieceCount}`,
      );
    }
    return value;
  }
}

function isRemaining(flags: number): number {
  return (flags & (WANTED | HAVE)) === WANTED ? 1 : 0;
}

function miscounted(what: string): MillraceError {
  return new MillraceError('unexpected', `${what} was taken from a peer that never had it`);
}
