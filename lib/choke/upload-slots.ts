// How many peers may download from us at a time, by what we can upload: more slots as long as each
// of them still gets a rate that is worth a slot.

/**
 * n slots get n KiB/s each: with more of them, a peer would take minutes for a piece and could pass
 * nothing on. 100 KiB/s make 10 slots, 1 MiB/s 32, 4 MiB/s 64.
 */
const RATE_STEP_BYTES_PER_SEC = 1024;

/** Slots before anything was uploaded. */
const INITIAL_SLOTS = 16;
/**
 * Slots that slow peers cannot reduce: a low rate may be due to them, and our line may be idle.
 */
const FEWEST_MEASURED = 8;
/** Under a limit slow peers leave no line idle: one earned slot and an optimistic one remain. */
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
  /** The most that may be uploaded; undefined without a limit. */
  readonly limitBytesPerSec?: number | undefined;
}

function slotsFor(bytesPerSec: number, fewest: number): number {
  const slots = Math.floor(Math.sqrt(bytesPerSec / RATE_STEP_BYTES_PER_SEC));
  return Math.max(fewest, Math.min(MOST_SLOTS, slots));
}

/**
 * The slots of one torrent. They grow by half a round at most, and shrink one at a time; while no
 * peer waits for one they stay, because the rate then says nothing about our line. A limit caps them
 * at once: our line may be slower than it, but uploads are not faster.
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
