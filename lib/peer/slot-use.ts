// PURE. Whether a peer uses its upload slot. One that does not keeps the slot only while no other
// peer wants it. The choker gets a fact whenever this changes.

/** A peer is stalled if blocks wait for it and it has read none of them for this long. */
const STALL_MS = 1_000;

/**
 * A peer is idle if it is unchoked and has sent no request for this long. A slow round trip takes 1
 * s.
 */
const IDLE_MS = 2_000;

/** A peer counts as flooding for this long after a flood, so that this does not change with every tick. */
const FLOOD_MS = 1_000;

/** The state of a peer at a tick. */
export interface SlotLook {
  /** How long it has read nothing of the queued data; 0 if none is queued. */
  readonly stalledMs: number;
  /** We choke it: there is no slot to use. */
  readonly choked: boolean;
  /** Requests of the peer wait to be answered, or blocks wait to be sent. */
  readonly served: boolean;
  /** Payload sent so far. */
  readonly uploadedBytes: number;
  /** It is over its message budget, so its messages are not read now. */
  readonly flooding: boolean;
}

export class SlotUse {
  private unused = false;
  private lastUseMs = -Infinity;
  private lastFloodMs = -Infinity;
  private uploadedBytes = 0;

  /** False while it reads, requests blocks, and stays within its budget. */
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
