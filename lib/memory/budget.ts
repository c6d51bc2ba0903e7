// The memory budget decides which torrent may start another piece. A piece commits its whole length when
// it starts, so that every started piece can be finished and nothing deadlocks. Its units are attached later.

import { MillraceError } from '../errors/millrace-error';

export interface MemoryBudgetOptions {
  /** The limit in the engine's options. */
  readonly limitBytes: number;
  /** How far long pieces may grow it. */
  readonly maxBytes: number;
}

interface Account {
  pieceLengthBytes: number;
  committedBytes: number;
  active: boolean;
  /** Unregistered, with bytes still out: kept until they are released. */
  leaving: boolean;
}

/**
 * Rules, with `share` = limit ÷ active torrents, but at least one piece of the torrent in question:
 *
 * 1. The commitments of all torrents together never exceed the limit.
 * 2. A torrent may commit up to its share whenever there is room.
 * 3. Beyond its share it may commit as long as a piece of room stays for every other active torrent
 *    that is not yet at its own share. So a lone busy torrent gets nearly everything, and an idle
 *    one that wakes up starts a piece at once.
 * 4. A torrent within its share that found no room is first in line: until it has been served, the
 *    others commit only what leaves room for it. One at a time, in the order they were refused;
 *    with room kept for all of them at once, no torrent could start a piece.
 *
 * A torrent in line must come back or be set inactive, or its place stays reserved (one piece).
 */
export class MemoryBudget {
  readonly maxBytes: number;
  private readonly baseBytes: number;
  private targetBytes: number;
  private committed = 0;
  private activeCount = 0;
  private readonly accounts = new Map<number, Account>();
  /** Torrents that rule 4 protects, oldest first, with the bytes they asked for. */
  private readonly line = new Map<number, number>();

  constructor(options: MemoryBudgetOptions) {
    this.baseBytes = options.limitBytes;
    this.targetBytes = options.limitBytes;
    this.maxBytes = Math.max(options.maxBytes, options.limitBytes);
  }

  /** The budget as it stands: grown by long pieces, and never below what is committed. */
  get limitBytes(): number {
    return Math.max(this.targetBytes, this.committed);
  }

  get committedBytes(): number {
    return this.committed;
  }

  committedOf(torrent: number): number {
    return this.accounts.get(torrent)?.committedBytes ?? 0;
  }

  /**
   * Makes a torrent known; it is inactive at first. The budget always holds two of the longest
   * piece, one being filled while one is verified, and grows if it must.
   *
   * Throws `piece-too-large` when two pieces exceed `maxBytes`.
   */
  register(
    torrent: number,
    { pieceLengthBytes }: { readonly pieceLengthBytes: number },
  ): { readonly grown: boolean; readonly limitBytes: number } {
    if (2 * pieceLengthBytes > this.maxBytes) {
      const maxPieceLengthBytes = Math.floor(this.maxBytes / 2);
      throw new MillraceError(
        'piece-too-large',
        `pieces of ${pieceLengthBytes} bytes exceed ${maxPieceLengthBytes} bytes, half of what the memory budget may grow to; raise the memory limit`,
        { pieceLengthBytes, maxPieceLengthBytes },
      );
    }
    if (this.accounts.has(torrent)) {
      throw new MillraceError('unexpected', `torrent ${torrent} is already in the memory budget`);
    }
    this.accounts.set(torrent, {
      pieceLengthBytes,
      committedBytes: 0,
      active: false,
      leaving: false,
    });
    const grown = 2 * pieceLengthBytes > this.targetBytes;
    if (grown) this.targetBytes = 2 * pieceLengthBytes;
    return { grown, limitBytes: this.limitBytes };
  }

  /** The torrent is closed. What it has committed stays counted until it is released. */
  unregister(torrent: number): void {
    const account = this.accounts.get(torrent);
    if (account === undefined) return;
    this.setActive(torrent, false);
    account.leaving = true;
    this.forgetIfGone(torrent, account);
  }

  /** A torrent that is paused, failing or has nothing to do is inactive: no share, no reserve. */
  setActive(torrent: number, active: boolean): void {
    const account = this.accounts.get(torrent);
    if (account === undefined || account.leaving || account.active === active) return;
    account.active = active;
    this.activeCount += active ? 1 : -1;
    if (!active) this.line.delete(torrent);
  }

  /** Commits the length of a piece. False: there is no room now, ask again after a release. */
  tryCommit(torrent: number, bytes: number): boolean {
    const account = this.accounts.get(torrent);
    if (account === undefined || !account.active) return false;
    if (!(bytes > 0 && bytes <= account.pieceLengthBytes)) {
      throw new MillraceError(
        'unexpected',
        `torrent ${torrent} wants ${bytes} bytes for a piece of at most ${account.pieceLengthBytes}`,
      );
    }
    const withinShare = account.committedBytes + bytes <= this.share(account);
    const room = this.targetBytes - this.committed;
    const keepFree = Math.max(
      this.roomForTheFirstInLine(torrent),
      withinShare ? 0 : this.reserveOfOthers(account),
    );
    if (bytes + keepFree > room) {
      if (withinShare && !this.line.has(torrent)) this.line.set(torrent, bytes);
      return false;
    }
    this.line.delete(torrent);
    account.committedBytes += bytes;
    this.committed += bytes;
    return true;
  }

  /** Gives committed bytes back, when their piece is done, failed or evicted and its units are free. */
  release(torrent: number, bytes: number): void {
    const account = this.accounts.get(torrent);
    if (account === undefined || !(bytes >= 0 && bytes <= account.committedBytes)) {
      throw new MillraceError(
        'unexpected',
        `torrent ${torrent} released ${bytes} bytes but holds ${account?.committedBytes ?? 0}`,
      );
    }
    account.committedBytes -= bytes;
    this.committed -= bytes;
    this.forgetIfGone(torrent, account);
  }

  private share(account: Account): number {
    return Math.max(
      Math.floor(this.targetBytes / Math.max(1, this.activeCount)),
      account.pieceLengthBytes,
    );
  }

  private reserveOfOthers(self: Account): number {
    let reserve = 0;
    for (const account of this.accounts.values()) {
      if (account === self || !account.active) continue;
      const next = account.committedBytes + account.pieceLengthBytes;
      if (next <= this.share(account)) reserve += account.pieceLengthBytes;
    }
    return reserve;
  }

  private roomForTheFirstInLine(torrent: number): number {
    for (const [first, bytes] of this.line) {
      if (first === torrent) return 0;
      const account = this.accounts.get(first);
      if (account !== undefined && account.committedBytes + bytes <= this.share(account)) {
        return bytes;
      }
      this.line.delete(first); // its share has shrunk since: no longer entitled
    }
    return 0;
  }

  private forgetIfGone(torrent: number, account: Account): void {
    if (!account.leaving || account.committedBytes > 0) return;
    this.accounts.delete(torrent);
    // Back to what the torrents that remain need; commitments above it run off by themselves.
    let longest = 0;
    for (const { pieceLengthBytes } of this.accounts.values()) {
      longest = Math.max(longest, pieceLengthBytes);
    }
    this.targetBytes = Math.max(this.baseBytes, 2 * longest);
  }
}
