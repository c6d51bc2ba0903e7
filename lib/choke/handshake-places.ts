// Places for incoming connections that have not shaken hands. Each costs memory and a descriptor before it
// is known to be of use, so their number is bounded, and no address can keep others out.

import type { Household } from '../address/household';
import { whoGivesWay } from './places';
import type { PlaceHolder } from './places';

/** A handshake comes with the first round trip; a connection silent for 3 s makes room for others. */
const PATIENCE_MS = 3_000;

export interface Entry {
  readonly admitted: boolean;
  /** A connection that makes room for the new one. */
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

  /** A connection was accepted. It holds a place until `leave`; one that makes room for it loses its own. */
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

  /** It has shaken hands, or is gone. */
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
    // No fixed share here: an address gets in as long as another one holds more places.
    return whoGivesWay(share, holders, own + 1);
  }
}
