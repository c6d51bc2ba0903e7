// PURE. How often one address may ask, in memory that does not grow with the number of addresses: a
// sketch of two rows of cells. An address is refused only when its cell in both rows is spent, so a
// flood hurts another address only where they share both (1 in 65,536² for each flooding address).

/** 2 rows × 65,536 cells × 8 bytes = 1 MiB. */
const CELLS = 65_536;

export interface RateGateOptions {
  /** Sustained requests per second of one IPv4 address or one /64 of IPv6; `Infinity` for no limit. */
  readonly perSec: number;
  /** Requests at once after a rest. */
  readonly burst: number;
  /** Two random 32-bit numbers: nobody can choose addresses that share a cell with somebody's. */
  readonly seeds: readonly [number, number];
}

export class RateGate {
  readonly #perSec: number;
  readonly #spacingMs: number;
  readonly #toleranceMs: number;
  readonly #seeds: readonly [number, number];
  /** When the cell's allowance is whole again (the "theoretical arrival time" of GCRA). */
  readonly #rows: readonly [Float64Array, Float64Array];

  constructor({ perSec, burst, seeds }: RateGateOptions) {
    this.#perSec = perSec;
    this.#spacingMs = 1000 / perSec;
    this.#toleranceMs = this.#spacingMs * (burst - 1);
    this.#seeds = seeds;
    const cells = perSec === Infinity ? 0 : CELLS;
    this.#rows = [new Float64Array(cells).fill(-Infinity), new Float64Array(cells).fill(-Infinity)];
  }

  /** Whether this request may be served; one that may not costs nothing. */
  allow(address: Uint8Array, nowMs: number): boolean {
    if (this.#perSec === Infinity) return true;
    const [first, second] = this.#rows;
    const a = cellOf(address, this.#seeds[0]);
    const b = cellOf(address, this.#seeds[1]);
    const wholeA = Math.max(first[a] ?? nowMs, nowMs);
    const wholeB = Math.max(second[b] ?? nowMs, nowMs);
    // A thousandth of a spacing absorbs the rounding of sums.
    if (Math.min(wholeA, wholeB) - nowMs > this.#toleranceMs + this.#spacingMs / 1000) return false;
    first[a] = wholeA + this.#spacingMs;
    second[b] = wholeB + this.#spacingMs;
    return true;
  }
}

/** FNV-1a over the address (the first 8 bytes of IPv6), seeded, with a last stir. */
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
