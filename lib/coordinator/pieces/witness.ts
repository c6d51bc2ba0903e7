// PURE. The evidence to find out which source lied: the identities of closed connections, and the
// failed attempts of a piece. Blocks outlive the connection that sent them, so a liar cannot escape
// by disconnecting.

import { SHA1_LENGTH_BYTES } from '../../bytes/lengths';

/** Who is accountable for what a source sends. A source that is not a peer will add a variant. */
export interface Identity {
  /** The connection number. */
  readonly id: number;
  /** Unique name for events and logs. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly peerId: string;
}

/**
 * Closed connections remembered: enough if every piece in memory came from another one. The oldest
 * are dropped.
 */
const MAX_DEPARTED = 4_096;

export class Departed {
  private readonly identities = new Map<number, Identity>();

  note(identity: Identity): void {
    if (this.identities.size >= MAX_DEPARTED) {
      for (const oldest of this.identities.keys()) {
        this.identities.delete(oldest);
        break;
      }
    }
    this.identities.set(identity.id, identity);
  }

  find(connection: number): Identity | undefined {
    return this.identities.get(connection);
  }
}

interface Attempt {
  /** For each block, the name of the source that filled it. */
  readonly fillers: readonly string[];
  readonly blockDigests: Uint8Array;
}

/** Attempts kept per piece. Each retry is given to one source alone, so there are never many. */
const MAX_ATTEMPTS = 8;

/**
 * Which source filled which block of a failed piece, and with which digest. When an attempt
 * succeeds, comparing digests shows exactly which sources lied.
 */
export class BlockWitness {
  private readonly attempts: Attempt[] = [];

  /** Adds a failed attempt. `fillers[i]` filled block i. */
  failed(fillers: readonly string[], blockDigests: Uint8Array): void {
    if (this.attempts.length < MAX_ATTEMPTS) this.attempts.push({ fillers, blockDigests });
  }

  /** All sources that filled a block in any failed attempt. */
  suspects(): Set<string> {
    return new Set(this.attempts.flatMap((attempt) => attempt.fillers));
  }

  /** The piece is good with these block digests: the sources that sent a block that differs. */
  liars(goodDigests: Uint8Array): Set<string> {
    const liars = new Set<string>();
    for (const { fillers, blockDigests } of this.attempts) {
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
