// What a total gained in the last two rounds of choking: 20 s are long enough for slow peers to send a
// block, and short enough to follow changes (BEP 3).

export class LastRounds {
  private atLastRound = 0;
  private atRoundBefore = 0;
  private ended = 0;
  private best = 0;

  /** It has been counted for two rounds. */
  get isWhole(): boolean {
    return this.ended >= 2;
  }

  /** The most that was gained in two rounds. */
  get most(): number {
    return this.best;
  }

  /** What the total has gained since the start of the previous round. */
  gained(total: number): number {
    return total - this.atRoundBefore;
  }

  /** Ends a round with this total. */
  endRound(total: number): void {
    this.best = Math.max(this.best, this.gained(total));
    this.atRoundBefore = this.atLastRound;
    this.atLastRound = total;
    this.ended += 1;
  }
}
