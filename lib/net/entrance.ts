// The way in for connections that others begin: places until they have shaken hands, and the pace at
// which they are let in afterwards.

import { householdOfHost, shareOf } from '../address/household';
import { HandshakePlaces } from '../choke/handshake-places';
import type { Entry } from '../choke/handshake-places';
import { Newcomers } from '../choke/newcomers';
import type { ThreadConnection } from './connection-context';

export class Entrance {
  private readonly places: HandshakePlaces;
  private readonly newcomers = new Newcomers<ThreadConnection>();

  constructor(maxHandshakes: number) {
    this.places = new HandshakePlaces(maxHandshakes);
  }

  /** Connections that have not been let in yet. */
  get taken(): number {
    return this.places.taken;
  }

  /** A connection was accepted: a place for it, maybe that of another. */
  accept(id: number, host: string, nowMs: number): Entry {
    return this.places.enter(id, shareOf(host), nowMs);
  }

  /** It has shaken hands. False: it waits until its `enter` is called. */
  mayEnter(connection: ThreadConnection, nowMs: number): boolean {
    const { torrent, host, id } = connection;
    const line = `${torrent?.torrent ?? ''} ${householdOfHost(host)}`;
    const bitfieldBytes = torrent?.content?.have.bytes.length ?? 0;
    if (!this.newcomers.enter(connection, line, bitfieldBytes, nowMs)) return false;
    this.places.leave(id);
    return true;
  }

  /** Lets in those whose turn it is. */
  letIn(nowMs: number): void {
    for (;;) {
      const next = this.newcomers.next(nowMs);
      if (next === undefined) return;
      this.places.leave(next.id);
      next.enter();
    }
  }

  /** It is gone. */
  leave(connection: ThreadConnection): void {
    this.places.leave(connection.id);
    this.newcomers.leave(connection);
  }

  /** It never came to be a connection. */
  giveBack(id: number): void {
    this.places.leave(id);
  }
}
