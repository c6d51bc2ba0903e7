// Which connection gives way when places are scarce. Each address has a share, which matters only
// while others wait. A useful connection within its address's share never gives way.

import type { Household } from '../address/household';

const MINUTE_MS = 60_000;

/** A connection that holds a place. */
export interface PlaceHolder {
  readonly id: number;
  /** From `shareOf`; undefined: exempt, and counted as a separate address. */
  readonly share: Household | undefined;
  /** Since when it has been useless; undefined while it is useful, or may become so. */
  readonly uselessSinceMs: number | undefined;
  readonly connectedAtMs: number;
  /** Of two peers that have been useless for the same number of minutes, the lower one gives way (BEP 40). */
  readonly preference?: number;
}

/**
 * All places are taken and a newcomer of `share` wants one: returns the connection that gives way,
 * or undefined if the newcomer is refused. A newcomer whose address has `perAddress` places is
 * always refused. Otherwise the address with the most places gives one up, if it has more than
 * `perAddress` and at least two more than the newcomer's: a useless connection, else its newest. If
 * there is no such address, the connection that has been useless for longest gives way, by the minute;
 * within a minute the one with the lowest preference.
 */
export function whoGivesWay(
  share: Household | undefined,
  holders: readonly PlaceHolder[],
  perAddress: number,
): PlaceHolder | undefined {
  const counts = countShares(holders);
  const own = share === undefined ? 0 : (counts.get(share) ?? 0);
  if (own >= perAddress) return undefined;
  let most = Math.max(perAddress, own + 1);
  let largest: Household | undefined;
  for (const [other, count] of counts) {
    if (count <= most) continue;
    most = count;
    largest = other;
  }
  const crowd = largest === undefined ? [] : holders.filter((holder) => holder.share === largest);
  return longestUseless(crowd) ?? newest(crowd) ?? longestUseless(holders);
}

/**
 * How many places newcomers of other addresses could get, by repeated application of `whoGivesWay`.
 */
export function placesToGive(holders: readonly PlaceHolder[], perAddress: number): number {
  let places = 0;
  const seen = new Map<Household, number>();
  // Useful ones first: they stay within the share.
  const order = [...holders].sort((a, b) => Number(isUseless(a)) - Number(isUseless(b)));
  for (const holder of order) {
    const { share } = holder;
    const count = share === undefined ? 0 : (seen.get(share) ?? 0) + 1;
    if (share !== undefined) seen.set(share, count);
    if (count > perAddress || isUseless(holder)) places += 1;
  }
  return places;
}

function isUseless({ uselessSinceMs }: PlaceHolder): boolean {
  return uselessSinceMs !== undefined;
}

function countShares(holders: readonly PlaceHolder[]): Map<Household, number> {
  const counts = new Map<Household, number>();
  for (const { share } of holders) {
    if (share !== undefined) counts.set(share, (counts.get(share) ?? 0) + 1);
  }
  return counts;
}

function longestUseless(holders: readonly PlaceHolder[]): PlaceHolder | undefined {
  let longest: PlaceHolder | undefined;
  for (const holder of holders) {
    const { uselessSinceMs } = holder;
    if (uselessSinceMs === undefined) continue;
    if (longest === undefined || isWorse(holder, longest)) longest = holder;
  }
  return longest;
}

/** Whether one of two useless peers gives way before the other. */
function isWorse(one: PlaceHolder, other: PlaceHolder): boolean {
  const [oneMs = 0, otherMs = 0] = [one.uselessSinceMs, other.uselessSinceMs];
  const minutes = Math.floor(oneMs / MINUTE_MS) - Math.floor(otherMs / MINUTE_MS);
  const { preference = 0 } = one;
  const { preference: than = 0 } = other;
  return minutes !== 0 || preference === than ? oneMs < otherMs : preference < than;
}

function newest(holders: readonly PlaceHolder[]): PlaceHolder | undefined {
  let last: PlaceHolder | undefined;
  for (const holder of holders) {
    if (last === undefined || holder.connectedAtMs >= last.connectedAtMs) last = holder;
  }
  return last;
}
