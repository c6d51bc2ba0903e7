// The memory budget decides which torrent may start another piece. A piece commits its whole length
// when it starts, so that every started piece can be finished without deadlock. Units are attached
// later.

import { MillraceError } from '../errors/millrace-error';

export interface MemoryBudgetOptions {
  /** The limit in the engine's options. */
  readonly limitBytes: number;
  /** Limit to which long pieces may raise it. */
  readonly maxBytes: number;
}

interface Account {
  pieceLengthBytes: number;
  committedBytes: number;
  active: boolean;
  /** Unregistered, with bytes still committed: kept until they are released. */
  leaving: boolean;
}

/**
 * Rules, with `share` = limit ÷ active torrents, but at least one piece of the torrent in question:
 *
 * 1. The commitments of all torrents together never exceed the limit.
 * 2. A torrent may commit up to its share if there is room.
 * 3. Beyond its share it may commit if room for one piece remains for every other active torrent
 * that is below its own share. So a single busy torrent gets nearly everything, and an idle one
 * that wakes up can start a piece at once.
 * 4. A torrent within its share that found no room is first in line: until it is served, others may
 * commit only what leaves room for it. This applies to one torrent at a time, in the order of
 * refusals; if room were kept for all of them at once, no torrent could start a piece.
 *
 * A torrent in line must retry or be set inactive; otherwise room for one piece stays reserved.
 */
export class MemoryBudget {
  readonly maxBytes: number;
  private readonly baseBytes: number;
  private targetBytes: number;
  private committed = 0;
  private activeCount = 0;
  private readonly accounts = new Map<number, Account>();
  /** Torrents protected by rule 4, oldest first, with the bytes they requested. */
  private readonly line = new Map<number, number>();

  constructor(options: MemoryBudgetOptions) {
    this.baseBytes = options.limitBytes;
    this.targetBytes = options.limitBytes;
    this.maxBytes = Math.max(options.maxBytes, options.limitBytes);
  }

  /** The current budget: raised by long pieces, and never below what is committed. */
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
   * Adds a torrent, inactive at first. The budget always has room for two of the longest piece, one
   * being filled while the other is verified, and is raised if necessary.
   *
   * Throws `piece-too-large` if two pieces exceed `maxBytes`.
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

  /** The torrent is closed. Its commitments count until they are released. */
  unregister(torrent: number): void {
    const account = this.accounts.get(torrent);
    if (account === undefined) return;
    this.setActive(torrent, false);
    account.leaving = true;
    this.forgetIfGone(torrent, account);
  }

  /**
   * A torrent that is paused, failing or without work is inactive: it has no share and no reserve.
   */
  setActive(torrent: number, active: boolean): void {
    const account = this.accounts.get(torrent);
    if (account === undefined || account.leaving || account.active === active) return;
    account.active = active;
    this.activeCount += active ? 1 : -1;
    if (!active) this.line.delete(torrent);
  }

  /** Commits the length of a piece. False: there is no room now; try again after a release. */
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

  /**
   * Releases committed bytes, when their piece is done, failed or evicted and its units are free.
   */
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
      this.line.delete(first); // Its share has shrunk, so it is no longer entitled.
    }
    return 0;
  }

  private forgetIfGone(torrent: number, account: Account): void {
    if (!account.leaving || account.committedBytes > 0) return;
    this.accounts.delete(torrent);
    // Back to what the remaining torrents need; higher commitments end by themselves.
    let longest = 0;
    for (const { pieceLengthBytes } of this.accounts.values()) {
      longest = Math.max(longest, pieceLengthBytes);
    }
    this.targetBytes = Math.max(this.baseBytes, 2 * longest);
  }
}
