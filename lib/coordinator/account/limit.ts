// PURE. What limits a torrent at this moment: the figures of one tick in, one label out. The order
// of the tests is the definition; docs/ACCOUNT.md explains it.

import type { TransferLimit } from '../../messages/account';

export interface Moment {
  /** Wanted pieces that we lack. */
  readonly missingPieces: number;
  /** Those of them that are full and being hashed or written. */
  readonly verifyingPieces: number;
  /** Sources that have pieces we lack. */
  readonly sources: number;
  /** Those sources that do not choke us. */
  readonly open: number;
  /** Those unchoked sources to which a rate limit holds back requests. */
  readonly heldBack: number;
  /** Those unchoked sources that could request more than they have leased. */
  readonly starved: number;
  /** Bytes requested and not received yet. */
  readonly bytesInFlight: number;
  /** Bytes received lately from unchoked sources. */
  readonly bytesIn: number;
  /** The part of them from sources that are limited by round trip and request depth. */
  readonly bytesInAtDepth: number;
  /** A piece could not be started since the last tick, because memory ran out. */
  readonly memoryRefused: boolean;
  /** Utilisation of the busiest event loop that works for this torrent. */
  readonly busy: number;
  /** Share of the CPU time of all cores that the process used. */
  readonly processBusy: number;
}

/** Above 90 % utilisation, work on a loop or a machine queues up. */
export const BUSY_SHARE = 0.9;

export function limitAt(moment: Moment): TransferLimit {
  const { sources, open, starved } = moment;
  if (allThatIsMissingIsHere(moment)) return 'memory';
  if (sources === 0) return 'peers';
  if (open === 0) return 'unchoke';
  // Tested before the processor: under a rate limit a faster processor would not receive more.
  if (2 * moment.heldBack >= open) return 'rateLimit';
  // Tested before memory: if hashing and writing lack a core, more memory would not help.
  if (moment.processBusy >= BUSY_SHARE) return 'cpu';
  const isHeldUp = moment.memoryRefused || allThatCameIsFull(moment);
  if (2 * starved >= open && isHeldUp) return 'memory';
  if (moment.busy >= BUSY_SHARE) return 'cpu';
  if (moment.bytesIn > 0 && 2 * moment.bytesInAtDepth >= moment.bytesIn) return 'requestDepth';
  return 'network';
}

/** With `memory`: full pieces wait for the verify threads, and more memory would not help. */
export function waitsForVerify(moment: Moment): boolean {
  return allThatIsMissingIsHere(moment) || allThatCameIsFull(moment);
}

function allThatIsMissingIsHere({ missingPieces, verifyingPieces }: Moment): boolean {
  return verifyingPieces > 0 && verifyingPieces >= missingPieces;
}

function allThatCameIsFull({ verifyingPieces, bytesInFlight }: Moment): boolean {
  return verifyingPieces > 0 && bytesInFlight === 0;
}
