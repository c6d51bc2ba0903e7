// PURE. Limits the requests per address, in memory that does not depend on the number of addresses:
// a sketch of two rows of cells. An address is refused only if its cells in both rows are
// exhausted, so a flood affects another address only if they share both (1 in 65,536² for each
// flooding address).

/** 2 rows × 65,536 cells × 8 bytes = 1 MiB. */
const CELLS = 65_536;

export interface RateGateOptions {
  /**
   * Sustained requests per second of one IPv4 address or one /64 of IPv6; `Infinity` for no limit.
   */
  readonly perSec: number;
  /** Most requests in a burst. */
  readonly burst: number;
  /**
   * Two random 32-bit numbers, so that nobody can choose addresses that share cells with a victim.
   */
  readonly seeds: readonly [number, number];
}

export class RateGate {
  private readonly perSec: number;
  private readonly spacingMs: number;
  private readonly toleranceMs: number;
  private readonly seeds: readonly [number, number];
  /** When the cell's allowance is full again (the "theoretical arrival time" of GCRA). */
  private readonly rows: readonly [Float64Array, Float64Array];

  constructor({ perSec, burst, seeds }: RateGateOptions) {
    this.perSec = perSec;
    this.spacingMs = 1000 / perSec;
    this.toleranceMs = this.spacingMs * (burst - 1);
    this.seeds = seeds;
    const cells = perSec === Infinity ? 0 : CELLS;
    this.rows = [new Float64Array(cells).fill(-Infinity), new Float64Array(cells).fill(-Infinity)];
  }

  /** Whether this request may be served; a refused one uses no allowance. */
  allow(address: Uint8Array, nowMs: number): boolean {
    if (this.perSec === Infinity) return true;
    const [first, second] = this.rows;
    const a = cellOf(address, this.seeds[0]);
    const b = cellOf(address, this.seeds[1]);
    const wholeA = Math.max(first[a] ?? nowMs, nowMs);
    const wholeB = Math.max(second[b] ?? nowMs, nowMs);
    // A thousandth of a spacing absorbs rounding errors.
    if (Math.min(wholeA, wholeB) - nowMs > this.toleranceMs + this.spacingMs / 1000) return false;
    first[a] = wholeA + this.spacingMs;
    second[b] = wholeB + this.spacingMs;
    return true;
  }
}

/** Seeded FNV-1a over the address (the first 8 bytes of IPv6), with a final mix. */
function cellOf(address: Uint8Array, seed: number): number {
  const length = Math.min(address.length, 8);
  let hash = seed;
  for (let at = 0; at < length; at += 1) {
    hash = Math.imul(hash ^ (address[at] ?? 0), 0x0100_0193);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash ^ (hash >>> 13), 0x5bd1_e995);
  return (hash ^ (hash >>> 16)) & (CELLS - 1);
}
