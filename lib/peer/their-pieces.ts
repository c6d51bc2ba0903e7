// PURE. The pieces that a peer has, as it tells them, and the facts that make of it what the coordinator
// should know: haves gather, and nothing is told twice.

import { Bitfield } from '../bytes/bitfield';
import { MillraceError } from '../errors/millrace-error';
import type { MessageBudget } from './message-budget';
import type { SessionOutput } from './session-types';

/** `have`s of a busy peer go up as one fact per this long; those of a peer that feeds nothing, at once. */
const HAVE_INTERVAL_MS = 100;

/** Pieces of a late bitfield that go up one by one: aria2 sends one with what it has completed. */
const MAX_LATE_HAVES = 1_000;

/** More of them are counted anew by the coordinator: that costs five times what reading the bits does. */
const LATE_NEWS_COSTS = 5;

export class TheirPieces {
  private readonly connection: number;
  private readonly have: Bitfield;
  private readonly output: SessionOutput;
  private readonly budget: MessageBudget;
  private lastHaveFactMs = -Infinity;
  private newHaves: number[] = [];

  constructor(
    connection: number,
    pieceCount: number,
    output: SessionOutput,
    budget: MessageBudget,
  ) {
    this.connection = connection;
    this.have = new Bitfield(pieceCount);
    this.output = output;
    this.budget = budget;
  }

  has(piece: number): boolean {
    return this.have.get(piece);
  }

  /** When haves are due that had to wait; Infinity if none had to. */
  get dueMs(): number {
    return this.newHaves.length > 0 ? this.lastHaveFactMs + HAVE_INTERVAL_MS : Infinity;
  }

  /** The end of a turn. `busy`: it feeds us. */
  post(busy: boolean, nowMs: number): void {
    if (this.newHaves.length === 0) return;
    if (busy && nowMs - this.lastHaveFactMs < HAVE_INTERVAL_MS) return;
    this.lastHaveFactMs = nowMs;
    this.output.fact({
      type: 'peer-have',
      connection: this.connection,
      pieces: this.newHaves,
    });
    this.newHaves = [];
  }

  onHave(piece: number): void {
    if (piece >= this.have.length) {
      throw new MillraceError('bad-piece-index', `have of piece ${piece}, which does not exist`);
    }
    if (this.have.get(piece)) return this.budget.charge(); // and no fact
    this.budget.welcome();
    this.noteHave(piece);
  }

  private noteHave(piece: number): void {
    this.have.set(piece);
    this.newHaves.push(piece);
  }

  /** `first`: it is the first message, or follows none but an extended handshake. */
  onBitfield(bits: Uint8Array, first: boolean): void {
    const { length } = this.have;
    if (bits.length !== this.have.bytes.length) {
      throw new MillraceError(
        'bad-bitfield',
        `a bitfield of ${bits.length} bytes for ${length} pieces (BEP 3)`,
      );
    }
    if (!first) {
      this.onLateBitfield(bits);
      return;
    }
    // Some clients set spare bits, and no other client refuses them for it.
    const theirs = Bitfield.withoutSpareBits(bits, length);
    this.have.bytes.set(theirs);
    this.output.fact({
      type: 'peer-bitfield',
      connection: this.connection,
      bits: theirs,
    });
  }

  /** As many haves: only what is news makes a fact. Where that is much, it is a bitfield again. */
  private onLateBitfield(bits: Uint8Array): void {
    this.budget.charge(bits.length);
    const { bytes, length } = this.have;
    const told = this.newHaves.length;
    for (let at = 0; at < bits.length; at++) {
      const news = (bits[at] ?? 0) & ~(bytes[at] ?? 0);
      if (news === 0) continue;
      if (this.newHaves.length - told >= MAX_LATE_HAVES) return this.onLateNews(bits);
      for (let bit = 0; bit < 8; bit++) {
        const piece = at * 8 + bit;
        if (news & (0x80 >>> bit) && piece < length) this.noteHave(piece);
      }
    }
  }

  private onLateNews(bits: Uint8Array): void {
    this.budget.charge(LATE_NEWS_COSTS * bits.length);
    const { bytes, length } = this.have;
    const theirs = Bitfield.withoutSpareBits(bits, length);
    for (let at = 0; at < bytes.length; at++) theirs[at] = (theirs[at] ?? 0) | (bytes[at] ?? 0);
    bytes.set(theirs);
    this.newHaves = []; // they are in it
    const { connection } = this;
    this.output.fact({ type: 'peer-bitfield', connection, bits: theirs });
  }
}
