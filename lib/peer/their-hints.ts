// PURE. Offers of a peer with the fast extension (BEP 6): pieces that it serves while it chokes us, and
// pieces that it suggests. Both are reported to the coordinator, and bounded in number.

import { MillraceError } from '../errors/millrace-error';
import type { MessageBudget } from './message-budget';
import type { SessionOutput } from './session-types';

/** Most pieces that a peer may ever allow: clients send ten. */
const MAX_ALLOWED = 64;

/** Most suggestions in a report; the newest count. */
const MAX_SUGGESTED = 8;

/** Shortest interval between reports of suggestions. */
const SUGGESTIONS_INTERVAL_MS = 1_000;

export class TheirHints {
  private readonly connection: number;
  private readonly output: SessionOutput;
  private readonly budget: MessageBudget;
  /** Undefined until the content is known. */
  private pieceCount: number | undefined;
  /** All pieces that it ever allowed, and those of them that it has not rejected since. */
  private readonly everAllowed = new Set<number>();
  private readonly allowedNow = new Set<number>();
  private allowedChanged = false;
  private suggested: number[] = [];
  private lastSuggestionsMs = -Infinity;

  constructor(connection: number, output: SessionOutput, budget: MessageBudget) {
    this.connection = connection;
    this.output = output;
    this.budget = budget;
  }

  /** Pieces that may be requested while the peer chokes us. */
  get allowed(): ReadonlySet<number> {
    return this.allowedNow;
  }

  /** When delayed suggestions are due; Infinity if there are none. */
  get dueMs(): number {
    const delayed = this.suggested.length > 0 && this.pieceCount !== undefined;
    return delayed ? this.lastSuggestionsMs + SUGGESTIONS_INTERVAL_MS : Infinity;
  }

  /** Adds the content. Throws `bad-piece-index` if the peer named a piece that does not exist. */
  open(pieceCount: number): void {
    this.pieceCount = pieceCount;
    for (const piece of [...this.everAllowed, ...this.suggested]) this.check(piece);
  }

  /** Throws `bad-piece-index`. */
  onAllowed(piece: number): void {
    this.check(piece);
    const { everAllowed, allowedNow, budget } = this;
    // A rejected piece is not requested again: the peer could allow and reject it in an endless loop.
    if (everAllowed.has(piece) || everAllowed.size >= MAX_ALLOWED) return budget.charge();
    budget.welcome();
    everAllowed.add(piece);
    allowedNow.add(piece);
    this.allowedChanged = true;
  }

  /** Throws `bad-piece-index`. */
  onSuggestion(piece: number): void {
    this.check(piece);
    this.budget.charge();
    this.suggested.push(piece);
    if (this.suggested.length > MAX_SUGGESTED) this.suggested.shift();
  }

  /** It rejected a request for the piece while it choked us. */
  onRefusal(piece: number): void {
    if (this.allowedNow.delete(piece)) this.allowedChanged = true;
  }

  /** The end of a turn. */
  post(nowMs: number): void {
    if (this.pieceCount === undefined) return;
    const { connection } = this;
    if (this.allowedChanged) {
      this.allowedChanged = false;
      this.output.fact({ type: 'allowed-fast', connection, pieces: [...this.allowedNow] });
    }
    if (this.suggested.length === 0 || nowMs < this.dueMs) return;
    this.lastSuggestionsMs = nowMs;
    this.output.fact({ type: 'suggested', connection, pieces: this.suggested });
    this.suggested = [];
  }

  private check(piece: number): void {
    if (this.pieceCount === undefined || piece < this.pieceCount) return;
    throw new MillraceError('bad-piece-index', `a hint at piece ${piece}, which does not exist`);
  }
}
