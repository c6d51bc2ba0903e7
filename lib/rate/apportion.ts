// Divides whole blocks among claims by their weights. A claim gets later what rounding takes from it now,
// so shares are exact over time.

export interface Claim {
  /** Its share relative to the weights of the other claims; above 0. */
  readonly weight: number;
  /** The most blocks that it can use: a whole number, or Infinity. */
  readonly most: number;
  /** Blocks that it lost (below 0: gained) by rounding so far, from -1 to 1. */
  carry: number;
  /** Blocks that it was given. */
  given: number;
}

/** Rounding errors of a sum of shares must not cost a claim a block. */
const EPSILON = 1e-9;

/**
 * Divides `blocks`, a whole number or Infinity: each claim gets its share by weight, at most `most`, and
 * what one cannot use is divided among the others. Returns the number of blocks given: all of them,
 * unless no claim can use more.
 */
export function apportion(blocks: number, claims: readonly Claim[]): number {
  let most = 0;
  for (const claim of claims) most += claim.most;
  if (most <= blocks) {
    for (const claim of claims) {
      claim.given = claim.most;
      claim.carry = 0;
    }
    return most;
  }
  const level = levelOf(blocks, claims);
  let left = blocks;
  for (const claim of claims) {
    const due = Math.min(claim.most, level * claim.weight) + claim.carry;
    claim.given = Math.min(claim.most, Math.max(0, Math.floor(due + EPSILON)));
    claim.carry = due - claim.given;
    left -= claim.given;
  }
  spread(left, claims);
  for (const claim of claims) claim.carry = Math.max(-1, Math.min(1, claim.carry));
  return blocks;
}

/** The share of a claim of weight 1 that is not limited by its `most` (water filling). */
function levelOf(blocks: number, claims: readonly Claim[]): number {
  const byLevel = [...claims].sort((a, b) => a.most / a.weight - b.most / b.weight);
  let left = blocks;
  let weight = 0;
  for (const claim of claims) weight += claim.weight;
  for (const claim of byLevel) {
    if (claim.most * weight > left * claim.weight) break;
    left -= claim.most;
    weight -= claim.weight;
  }
  return left / weight;
}

/** Gives the blocks that rounding left over to the claims that lost most by it, or takes excess ones back. */
function spread(left: number, claims: readonly Claim[]): void {
  if (left === 0) return;
  const step = Math.sign(left);
  const byCarry = [...claims].sort((a, b) => step * (b.carry - a.carry));
  for (let missing = Math.abs(left); missing > 0;) {
    for (const claim of byCarry) {
      if (missing === 0) return;
      const given = claim.given + step;
      if (given < 0 || given > claim.most) continue;
      claim.given = given;
      claim.carry -= step;
      missing -= 1;
    }
  }
}
