// PURE. What limits a torrent at this moment: the figures of one tick in, one label out. The order
// of the questions is the definition; docs/ACCOUNT.md says it in words.

import type { TransferLimit } from '../messages/account';

export interface Moment {
  /** Pieces that we lack, and those of them that are full and being hashed and written. */
  readonly missingPieces: number;
  readonly verifyingPieces: number;
  /** Sources that have pieces we lack … */
  readonly sources: number;
  /** … those of them that let us download … */
  readonly open: number;
  /** … and those of these that could ask for more than is leased to them. */
  readonly starved: number;
  /** Asked of peers and not here yet. */
  readonly bytesInFlight: number;
  /** Came from open peers lately; the part from those whose round trip and depth limit them. */
  readonly bytesIn: number;
  readonly bytesInAtDepth: number;
  /** Since the last tick a piece could not be started for want of memory. */
  readonly memoryRefused: boolean;
  /** Of the busiest thread that works for this torrent: part of the time that its loop did not rest. */
  readonly busy: number;
  /** Part of the time of all cores that the process used. */
  readonly processBusy: number;
}

/** A loop, or a machine, that rests less than a tenth of the time makes whatever comes to it wait. */
export const BUSY_SHARE = 0.9;

export function limitAt(moment: Moment): TransferLimit {
  const { sources, open, starved } = moment;
  if (allThatIsMissingIsHere(moment)) return 'memory';
  if (sources === 0) return 'peers';
  if (open === 0) return 'unchoke';
  // Before memory: hashing and writing that lack a core are behind, and more memory would not help.
  if (moment.processBusy >= BUSY_SHARE) return 'cpu';
  const isHeldUp = moment.memoryRefused || allThatCameIsFull(moment);
  if (2 * starved >= open && isHeldUp) return 'memory';
  if (moment.busy >= BUSY_SHARE) return 'cpu';
  if (moment.bytesIn > 0 && 2 * moment.bytesInAtDepth >= moment.bytesIn) return 'requestDepth';
  return 'network';
}

/** With `memory`: full pieces wait for the verify threads, and however much memory would not help. */
export function waitsForVerify(moment: Moment): boolean {
  return allThatIsMissingIsHere(moment) || allThatCameIsFull(moment);
}

function allThatIsMissingIsHere({ missingPieces, verifyingPieces }: Moment): boolean {
  return verifyingPieces > 0 && verifyingPieces >= missingPieces;
}

function allThatCameIsFull({ verifyingPieces, bytesInFlight }: Moment): boolean {
  return verifyingPieces > 0 && bytesInFlight === 0;
}
