// PURE. The pieces that a peer announced, and the facts that report them to the coordinator: haves
// are collected, and nothing is reported twice. Until the content is known they wait in
// `EarlyPieces`.

import { Bitfield } from '../bytes/bitfield';
import { EarlyPieces, checkBitfieldLength, noSuchPiece } from './early-pieces';
import type { MessageBudget } from './message-budget';
import type { SessionOutput } from './session-types';

/** `have`s of a peer that sends us blocks are reported at this interval; those of other peers, at once. */
const HAVE_INTERVAL_MS = 100;

/** Most new pieces of a late bitfield that are reported one by one. aria2 sends such a bitfield. */
const MAX_LATE_HAVES = 1_000;

/** Above this, the coordinator recounts the peer: five times the cost of reading the bits. */
const LATE_NEWS_COSTS = 5;

export class TheirPieces {
  private readonly connection: number;
  /** Undefined until the content is known. */
  private have: Bitfield | undefined;
  private early: EarlyPieces | undefined;
  private readonly output: SessionOutput;
  private readonly budget: MessageBudget;
  private lastHaveFactMs = -Infinity;
  private newHaves: number[] = [];

  constructor(connection: number, output: SessionOutput, budget: MessageBudget) {
    this.connection = connection;
    this.output = output;
    this.budget = budget;
  }

  /** Adds the content. Throws if the peer announced invalid pieces. */
  open(pieceCount: number): void {
    this.have = new Bitfield(pieceCount);
    if (this.early === undefined) return;
    const bits = this.early.of(pieceCount);
    this.early = undefined;
    if (bits === 'all') this.have.setAll();
    else this.have.bytes.set(bits);
    this.report(bits);
  }

  has(piece: number): boolean {
    return this.have?.get(piece) ?? false;
  }

  /** When delayed haves are due; Infinity if none are delayed. */
  get dueMs(): number {
    return this.newHaves.length > 0 ? this.lastHaveFactMs + HAVE_INTERVAL_MS : Infinity;
  }

  /** The end of a turn. `busy`: the peer is sending us blocks. */
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
    const { have, budget } = this;
    if (have === undefined) {
      this.early ??= new EarlyPieces();
      return this.early.addHave(piece) ? budget.welcome() : budget.charge();
    }
    if (piece >= have.length) throw noSuchPiece(piece);
    if (have.get(piece)) return budget.charge(); // No fact is sent.
    budget.welcome();
    have.set(piece);
    this.newHaves.push(piece);
  }

  /** The peer no longer has the piece (BEP 54). Returns false if it had not announced it. */
  onLost(piece: number): boolean {
    const { have, connection } = this;
    if (have === undefined) {
      this.early?.remove(piece);
      return false;
    }
    if (piece >= have.length) throw noSuchPiece(piece);
    if (!have.get(piece)) return false;
    have.clear(piece);
    if (this.newHaves.includes(piece)) {
      this.newHaves = this.newHaves.filter((each) => each !== piece); // It was not reported yet.
      return true;
    }
    this.output.fact({ type: 'peer-lost', connection, piece });
    return true;
  }

  /** `first`: it is the first message, or only an extended handshake precedes it. */
  onBitfield(bits: Uint8Array, first: boolean): void {
    const { have } = this;
    if (!first) this.budget.charge(bits.length);
    if (have === undefined) {
      this.early ??= new EarlyPieces();
      return this.early.addBitfield(bits);
    }
    checkBitfieldLength(bits.length, have.length);
    if (!first) return this.onLateBitfield(have, bits);
    // Some clients set spare bits, and no other client refuses that.
    const theirs = Bitfield.withoutSpareBits(bits, have.length);
    have.bytes.set(theirs);
    this.report(theirs);
  }

  /**
   * The peer has every piece (BEP 6). A later one, as libtorrent sends when it learns its metadata,
   * costs what a bitfield would.
   */
  onHaveAll(first: boolean): void {
    const { have } = this;
    if (have === undefined) {
      if (!first) this.budget.charge();
      this.early ??= new EarlyPieces();
      return this.early.addAll();
    }
    if (!first) {
      this.budget.charge(have.bytes.length);
      if (have.isFull()) return;
      this.budget.charge(LATE_NEWS_COSTS * have.bytes.length);
      this.newHaves = [];
    }
    have.setAll();
    this.report('all');
  }

  /** The peer has no piece (BEP 6). A later `have none` is ignored: pieces cannot be lost by it. */
  onHaveNone(first: boolean): void {
    if (!first) return this.budget.charge();
    if (this.have === undefined) this.early ??= new EarlyPieces();
    else this.report('none');
  }

  /**
   * A late bitfield replaces haves: new pieces are reported one by one, or as a bitfield if there
   * are many.
   */
  private onLateBitfield(have: Bitfield, bits: Uint8Array): void {
    const { bytes, length } = have;
    const before = this.newHaves.length;
    for (let at = 0; at < bits.length; at++) {
      const news = (bits[at] ?? 0) & ~(bytes[at] ?? 0);
      if (news === 0) continue;
      if (this.newHaves.length - before >= MAX_LATE_HAVES) return this.onLateNews(have, bits);
      for (let bit = 0; bit < 8; bit++) {
        const piece = at * 8 + bit;
        if ((news & (0x80 >>> bit)) === 0 || piece >= length) continue;
        have.set(piece);
        this.newHaves.push(piece);
      }
    }
  }

  private onLateNews(have: Bitfield, bits: Uint8Array): void {
    this.budget.charge(LATE_NEWS_COSTS * bits.length);
    const { bytes, length } = have;
    const theirs = Bitfield.withoutSpareBits(bits, length);
    for (let at = 0; at < bytes.length; at++) theirs[at] = (theirs[at] ?? 0) | (bytes[at] ?? 0);
    bytes.set(theirs);
    this.newHaves = []; // The bitfield contains them.
    this.report(theirs);
  }

  private report(bits: Uint8Array | 'all' | 'none'): void {
    this.output.fact({ type: 'peer-bitfield', connection: this.connection, bits });
  }
}
