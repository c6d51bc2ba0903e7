// PURE. Whether a peer makes use of an upload slot. One that does not keeps it only while nobody else
// wants it; the choker gets a fact each time this changes.

/** Blocks wait for the peer, and it took nothing of them for this long. */
const STALL_MS = 1_000;

/** Unchoked, it asked for nothing for this long: a request takes one round trip, 1 s on a bad line. */
const IDLE_MS = 2_000;

/** After a flood it counts as one for this long, or it would change with every tick. */
const FLOOD_MS = 1_000;

/** What is known of a peer at a tick. */
export interface SlotLook {
  /** How long it has taken nothing of what waits for it; 0 with nothing waiting. */
  readonly stalledMs: number;
  /** We choke it: there is no slot to use. */
  readonly choked: boolean;
  /** Requests of it wait, or blocks. */
  readonly served: boolean;
  /** Payload sent so far. */
  readonly uploadedBytes: number;
  /** It is over its message budget: whatever it wants now is not read. */
  readonly flooding: boolean;
}

export class SlotUse {
  private unused = false;
  private lastUseMs = -Infinity;
  private lastFloodMs = -Infinity;
  private uploadedBytes = 0;

  /** False while it takes what it gets, asks, and is read. */
  get isUnused(): boolean {
    return this.unused;
  }

  /** True if `isUnused` has changed. */
  look(peer: SlotLook, nowMs: number): boolean {
    if (peer.flooding) this.lastFloodMs = nowMs;
    if (peer.choked || peer.served || peer.uploadedBytes !== this.uploadedBytes) {
      this.lastUseMs = nowMs;
      this.uploadedBytes = peer.uploadedBytes;
    }
    const unused =
      peer.stalledMs >= STALL_MS ||
      nowMs - this.lastFloodMs < FLOOD_MS ||
      nowMs - this.lastUseMs >= IDLE_MS;
    if (unused === this.unused) return false;
    this.unused = unused;
    return true;
  }
}
