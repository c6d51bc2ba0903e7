// Places for incoming connections before their handshake. Each costs memory and a descriptor before
// it is known to be useful, so their number is bounded, and no address can exclude others.

import type { Household } from '../address/household';
import { whoGivesWay } from './places';
import type { PlaceHolder } from './places';

/**
 * Age at which a connection without a handshake makes room for others: a handshake normally arrives
 * with the first round trip.
 */
const PATIENCE_MS = 3_000;

export interface Entry {
  readonly admitted: boolean;
  /** A connection that must be closed to make room for the new one. */
  readonly instead?: number;
}

export class HandshakePlaces {
  private readonly places: number;
  /** By connection id, in the order of arrival. */
  private readonly waiting = new Map<number, Omit<PlaceHolder, 'uselessSinceMs'>>();

  constructor(places: number) {
    this.places = places;
  }

  get taken(): number {
    return this.waiting.size;
  }

  /**
   * A connection was accepted. It holds a place until `leave`; one that makes room for it loses its
   * own.
   */
  enter(id: number, share: Household | undefined, nowMs: number): Entry {
    let instead: number | undefined;
    if (this.waiting.size >= this.places) {
      instead = this.whoGivesWay(share, nowMs)?.id;
      if (instead === undefined) return { admitted: false };
      this.waiting.delete(instead);
    }
    this.waiting.set(id, { id, share, connectedAtMs: nowMs });
    return instead === undefined ? { admitted: true } : { admitted: true, instead };
  }

  /** It has completed its handshake, or has ended. */
  leave(id: number): void {
    this.waiting.delete(id);
  }

  private whoGivesWay(share: Household | undefined, nowMs: number): PlaceHolder | undefined {
    const holders: PlaceHolder[] = [];
    let own = 0;
    for (const waiting of this.waiting.values()) {
      const isLate = nowMs - waiting.connectedAtMs >= PATIENCE_MS;
      holders.push({ ...waiting, uselessSinceMs: isLate ? waiting.connectedAtMs : undefined });
      if (share !== undefined && waiting.share === share) own += 1;
    }
    // No fixed share here: an address gets a place as long as another one holds more.
    return whoGivesWay(share, holders, own + 1);
  }
}
