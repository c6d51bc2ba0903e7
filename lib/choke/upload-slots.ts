// The number of peers that may download from us at a time, by the upload rate: more slots as long as
// each of them still gets a useful rate.

/**
 * With n slots each gets n KiB/s; with more slots, a peer would need minutes for a piece, and could
 * pass nothing on before. 100 KiB/s make 10 slots, 1 MiB/s 32, 4 MiB/s 64.
 */
const RATE_STEP_BYTES_PER_SEC = 1024;

/** Slots before anything was uploaded. */
const INITIAL_SLOTS = 16;
/**
 * Fewest slots without a limit: a low rate may be due to slow peers while our line is idle.
 */
const FEWEST_MEASURED = 8;
/** Fewest slots under a limit: one earned and one optimistic. */
const FEWEST_LIMITED = 2;
const MOST_SLOTS = 64;

/** Rounds with a lower rate before a slot is taken away: rates vary from piece to piece. */
const PATIENT_ROUNDS = 3;

/** One round of 10 s. */
export interface UploadRound {
  /** What was uploaded in it. */
  readonly bytesPerSec: number;
  /** Every slot was in use, and other peers waited for one. */
  readonly scarce: boolean;
  /** The upload limit; undefined without one. */
  readonly limitBytesPerSec?: number | undefined;
}

function slotsFor(bytesPerSec: number, fewest: number): number {
  const slots = Math.floor(Math.sqrt(bytesPerSec / RATE_STEP_BYTES_PER_SEC));
  return Math.max(fewest, Math.min(MOST_SLOTS, slots));
}

/**
 * The slots of one torrent. They grow by half a round at most, and shrink one at a time; while no
 * peer waits for one they stay, because the rate then says nothing about our line. A limit caps them
 * at once, because uploads cannot be faster; it does not raise them, because our line may be slower.
 */
export class UploadSlots {
  private slots = INITIAL_SLOTS;
  private lowRounds = 0;

  get count(): number {
    return this.slots;
  }

  endRound({ bytesPerSec, scarce, limitBytesPerSec }: UploadRound): void {
    const most = slotsFor(limitBytesPerSec ?? Infinity, FEWEST_LIMITED);
    this.slots = Math.min(this.slots, most);
    if (!scarce) return;
    const wanted = Math.min(most, slotsFor(bytesPerSec, FEWEST_MEASURED));
    this.lowRounds = wanted < this.slots ? this.lowRounds + 1 : 0;
    if (wanted > this.slots)
      this.slots = Math.min(wanted, this.slots + Math.max(1, this.slots >> 1));
    if (this.lowRounds < PATIENT_ROUNDS) return;
    this.slots -= 1;
    this.lowRounds = 0;
  }
}
