// Chooses the piece that a super-seed shows to a peer (BEP 16): one that no other peer has or was shown, and
// the next one when the peer has passed it on. So each piece is uploaded about once before the swarm has a
// whole copy.

/** A peer to which pieces are shown. */
export interface Viewer {
  readonly id: number;
  has(piece: number): boolean;
  /** When it last took something from us, or 0. */
  readonly lastTookMs: number;
}

/** Show this piece to this peer. */
export interface Reveal {
  readonly peer: number;
  readonly piece: number;
}

/** A piece that was shown to a peer, which has not passed it on. */
interface Showing {
  readonly viewer: Viewer;
  readonly piece: number;
  readonly sinceMs: number;
  /** When its peer announced it; undefined before. */
  gotMs: number | undefined;
}

interface Audience {
  readonly viewer: Viewer;
  /** Shown and not passed on, by piece. */
  readonly open: Map<number, Showing>;
  /** Pieces that it was shown and does not have. */
  readonly shown: Set<number>;
}

/** A peer is shown two pieces at a time: it fetches one while the other spreads. */
const FEWEST_OPEN = 2;
/** Small pieces: enough for some round trips, 1 MiB. */
const OPEN_BYTES = 1024 * 1024;
const MOST_OPEN = 16;

/**
 * If no other peer has a piece this long after its peer got it, this peer is shown another one: perhaps
 * others cannot connect to it. The piece counts as one that exists once.
 */
const SPREAD_MS = 60_000;

/** If a peer downloads nothing for this long, its pieces may be shown to others. */
const CLAIM_MS = 60_000;

/** Pieces that are examined for one choice, so that its cost does not grow with the torrent. */
const MOST_EXAMINED = 1_024;

/** Copies of each piece among the other peers at the end: with two, any one peer may leave. */
const ENOUGH_COPIES = 2;

const NOTHING: readonly Reveal[] = [];

export class SuperSeed {
  private readonly pieceCount: number;
  /** How many connected peers have the piece. */
  private readonly copiesOf: (piece: number) => number;
  private readonly mostOpen: number;
  private readonly audience = new Map<number, Audience>();
  private readonly byPiece = new Map<number, Set<Showing>>();
  /** Peers that may be shown another piece. */
  private readonly ready = new Set<Audience>();
  /** Peers that have become complete. They were closed, and their copies count. */
  private readonly complete = new Set<string>();
  /** The piece at which the search for the next one begins. */
  private cursor: number;
  /** Every piece has been announced by some other peer. */
  private covered = false;
  /** Pieces that their peers did not pass on in time. */
  private readonly stuck = new Set<number>();
  /** A piece that had too few copies when it was last looked at. */
  private lacking = 0;

  /** `random` returns numbers in [0, 1). */
  constructor(options: {
    readonly pieceCount: number;
    readonly pieceLengthBytes: number;
    readonly copiesOf: (piece: number) => number;
    readonly random: () => number;
  }) {
    const { pieceCount, pieceLengthBytes, copiesOf, random } = options;
    this.pieceCount = pieceCount;
    this.copiesOf = copiesOf;
    const wanted = Math.ceil(OPEN_BYTES / pieceLengthBytes);
    this.mostOpen = Math.min(MOST_OPEN, Math.max(FEWEST_OPEN, wanted));
    this.cursor = Math.floor(random() * pieceCount);
  }

  /** A peer has connected. It is shown nothing before `announcedMany`, or the next `endLate`. */
  join(viewer: Viewer): void {
    const audience = { viewer, open: new Map<number, Showing>(), shown: new Set<number>() };
    this.audience.set(viewer.id, audience);
  }

  leave(peer: number): void {
    const audience = this.audience.get(peer);
    if (audience === undefined) return;
    for (const showing of [...audience.open.values()]) this.end(showing);
    this.audience.delete(peer);
    this.ready.delete(audience);
  }

  /** A peer has become complete, and is closed. Each peer is counted once. */
  noteComplete(name: string): void {
    if (this.complete.size < ENOUGH_COPIES) this.complete.add(name);
  }

  /** A connected peer has announced the piece, whether it was shown to it or not. */
  announced(peer: number, piece: number, nowMs: number): void {
    this.audience.get(peer)?.shown.delete(piece);
    const showings = this.byPiece.get(piece);
    if (showings === undefined) return;
    for (const showing of [...showings]) {
      const isElsewhere = showing.viewer.id !== peer || this.copies(piece) > 1;
      if (isElsewhere || this.isAlone) this.end(showing);
      else showing.gotMs ??= nowMs;
    }
  }

  /** A peer has announced many pieces at once, at first perhaps none. */
  announcedMany(peer: number, has: (piece: number) => boolean, nowMs: number): void {
    for (const piece of [...this.byPiece.keys()])
      if (has(piece)) this.announced(peer, piece, nowMs);
    const audience = this.audience.get(peer);
    if (audience !== undefined) this.ready.add(audience);
  }

  /** Frees the places of pieces that do not spread. To be called now and then. */
  endLate(nowMs: number): void {
    for (const audience of this.audience.values()) {
      for (const showing of [...audience.open.values()]) {
        const { gotMs } = showing;
        if (gotMs === undefined || (!this.isAlone && nowMs - gotMs < SPREAD_MS)) continue;
        this.end(showing);
        this.stuck.add(showing.piece);
      }
      if (audience.open.size < this.mostOpen) this.ready.add(audience);
    }
  }

  /** The pieces to show now. */
  next(nowMs: number): readonly Reveal[] {
    if (this.ready.size === 0) return NOTHING;
    this.covered ||= this.allHave(1);
    const reveals: Reveal[] = [];
    for (const audience of this.ready) {
      while (audience.open.size < this.mostOpen) {
        const piece = this.choose(audience, nowMs);
        if (piece === -1) break;
        this.show(audience, piece, nowMs);
        reveals.push({ peer: audience.viewer.id, piece });
      }
      // Without a piece for it, it waits for the next tick: a choice per message would be too dear.
      this.ready.delete(audience);
    }
    return reveals;
  }

  /** The others have enough copies of every piece: we may show all that we have. */
  get isOver(): boolean {
    return this.allHave(ENOUGH_COPIES);
  }

  private allHave(copies: number): boolean {
    for (let looked = 0; looked < this.pieceCount; looked++) {
      if (this.copies(this.lacking) < copies) return false;
      this.lacking = (this.lacking + 1) % this.pieceCount;
    }
    return true;
  }

  private get isAlone(): boolean {
    return this.audience.size <= 1;
  }

  private copies(piece: number): number {
    return this.copiesOf(piece) + this.complete.size;
  }

  private choose({ viewer, shown }: Audience, nowMs: number): number {
    let best = -1;
    let fewest = Infinity;
    let piece = this.cursor;
    for (let left = Math.min(this.pieceCount, MOST_EXAMINED); left > 0 && fewest > 0; left--) {
      if (!shown.has(piece) && !viewer.has(piece)) {
        const rank = this.rankOf(piece, nowMs);
        if (rank < fewest) {
          fewest = rank;
          best = piece;
        }
      }
      piece = piece + 1 === this.pieceCount ? 0 : piece + 1;
    }
    this.cursor = piece;
    return best;
  }

  /**
   * Copies that exist or are being made. Infinity if no further one is needed yet: until every piece exists
   * once, second copies are left to the peers that have the first ones, as long as these pass them on.
   */
  private rankOf(piece: number, nowMs: number): number {
    const copies = this.copies(piece);
    let claims = 0;
    for (const { viewer, sinceMs, gotMs } of this.byPiece.get(piece) ?? []) {
      if (gotMs !== undefined) continue; // It counts as a copy.
      if (nowMs - Math.max(sinceMs, viewer.lastTookMs) < CLAIM_MS) claims += 1;
    }
    const isNeeded = copies === 0 ? claims === 0 : this.covered || this.stuck.has(piece);
    return isNeeded ? copies + claims : Infinity;
  }

  private show(audience: Audience, piece: number, nowMs: number): void {
    const { viewer, open, shown } = audience;
    const showing: Showing = { viewer, piece, sinceMs: nowMs, gotMs: undefined };
    open.set(piece, showing);
    shown.add(piece);
    const others = this.byPiece.get(piece);
    if (others === undefined) this.byPiece.set(piece, new Set([showing]));
    else others.add(showing);
  }

  private end(showing: Showing): void {
    const { viewer, piece } = showing;
    const audience = this.audience.get(viewer.id);
    audience?.open.delete(piece);
    if (audience !== undefined) this.ready.add(audience);
    const showings = this.byPiece.get(piece);
    showings?.delete(showing);
    if (showings?.size === 0) this.byPiece.delete(piece);
  }
}
