// PURE. Who was behind a connection that is gone: blocks in the slab outlive the peer that sent
// them, and a liar must not escape by hanging up.

/** Enough for every piece in memory to have come from another peer; oldest are dropped. */
const MAX_DEPARTED = 4_096;

export interface Identity {
  readonly id: number;
  readonly host: string;
  readonly port: number;
  readonly peerId: string;
}

export class Departed {
  readonly #identities = new Map<number, Identity>();

  note({ id, host, port, peerId }: Identity): void {
    if (this.#identities.size >= MAX_DEPARTED) {
      for (const oldest of this.#identities.keys()) {
        this.#identities.delete(oldest);
        break;
      }
    }
    this.#identities.set(id, { id, host, port, peerId });
  }

  find(connection: number): Identity | undefined {
    return this.#identities.get(connection);
  }
}
