// PURE. What is remembered of a piece's failed attempts: who filled which block, with which digest.
// When an attempt succeeds, comparing digests shows exactly who lied and who did not.

import { SHA1_LENGTH_BYTES } from '../bytes/lengths';

interface Attempt {
  /** Name of the peer that filled each block. */
  readonly fillers: readonly string[];
  readonly blockDigests: Uint8Array;
}

/** Attempts kept per piece; each retry is given to one peer alone, so more can not accumulate. */
const MAX_ATTEMPTS = 8;

export class BlockWitness {
  readonly #attempts: Attempt[] = [];

  /** A check failed. `fillers[i]` filled block i. */
  failed(fillers: readonly string[], blockDigests: Uint8Array): void {
    if (this.#attempts.length < MAX_ATTEMPTS) this.#attempts.push({ fillers, blockDigests });
  }

  /** Everyone who filled a block of any failed attempt. */
  suspects(): Set<string> {
    return new Set(this.#attempts.flatMap((attempt) => attempt.fillers));
  }

  /** The piece is good now, with these block digests: who sent a block that differs? */
  liars(goodDigests: Uint8Array): Set<string> {
    const liars = new Set<string>();
    for (const { fillers, blockDigests } of this.#attempts) {
      fillers.forEach((filler, block) => {
        if (!sameDigest(blockDigests, goodDigests, block * SHA1_LENGTH_BYTES)) liars.add(filler);
      });
    }
    return liars;
  }
}

function sameDigest(a: Uint8Array, b: Uint8Array, offset: number): boolean {
  for (let i = offset; i < offset + SHA1_LENGTH_BYTES; i++) if (a[i] !== b[i]) return false;
  return true;
}
