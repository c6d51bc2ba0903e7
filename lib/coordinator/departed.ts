// PURE. Who was behind a connection that is gone: blocks in the slab outlive the peer that sent
// them, and a liar must not escape by hanging up.

/** Enough for every piece in memory to have come from another peer; oldest are dropped. */
const MAX_DEPARTED = 4_096;

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
