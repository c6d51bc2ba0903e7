// PURE. What it takes to find out who lied: who was behind a connection that is gone, and what is remembered
// of the failed attempts of a piece. Blocks outlive the peer that sent them: a liar must not escape by hanging up.

import { SHA1_LENGTH_BYTES } from '../bytes/lengths';

/** Who is answerable for what a source sends. A source that is no peer adds a variant. */
export interface Identity {
  /** The connection. */
  readonly id: number;
  /** How it is called in events and logs, and told from others. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly peerId: string;
}

/** Enough for every piece in memory to have come from another peer; oldest are dropped. */
const MAX_DEPARTED = 4_096;

export class Departed {
  readonly #identities = new Map<number, Identity>();

  note(identity: Identity): void {
    if (this.#identities.size >= MAX_DEPARTED) {
      for (const oldest of this.#identities.keys()) {
        this.#identities.delete(oldest);
        break;
      }
    }
    this.#identities.set(identity.id, identity);
  }

  find(connection: number): Identity | undefined {
    return this.#identities.get(connection);
  }
}

interface Attempt {
  /** Name of the peer that filled each block. */
  readonly fillers: readonly string[];
  readonly blockDigests: Uint8Array;
}

/** Attempts kept per piece; each retry is given to one peer alone, so more can not accumulate. */
const MAX_ATTEMPTS = 8;

/**
 * Who filled which block of a piece that failed, with which digest. When an attempt succeeds, comparing digests
 * shows exactly who lied and who did not.
 */
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
