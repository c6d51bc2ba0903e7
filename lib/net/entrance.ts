// The entrance for incoming connections: their places before the handshake, and the rate at which
// they are let in afterwards.

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

  /** Number of connections that are not let in yet. */
  get taken(): number {
    return this.places.taken;
  }

  /** A connection was accepted: it gets a place, possibly that of another one. */
  accept(id: number, host: string, nowMs: number): Entry {
    return this.places.enter(id, shareOf(host), nowMs);
  }

  /** It has completed its handshake. False: it waits until its `enter` is called. */
  mayEnter(connection: ThreadConnection, nowMs: number): boolean {
    const { torrent, host, id } = connection;
    const line = `${torrent?.torrent ?? ''} ${householdOfHost(host)}`;
    const bitfieldBytes = torrent?.content?.have.bytes.length ?? 0;
    if (!this.newcomers.enter(connection, line, bitfieldBytes, nowMs)) return false;
    this.places.leave(id);
    return true;
  }

  /** Lets in the connections whose turn it is. */
  letIn(nowMs: number): void {
    for (;;) {
      const next = this.newcomers.next(nowMs);
      if (next === undefined) return;
      this.places.leave(next.id);
      next.enter();
    }
  }

  /** It has ended. */
  leave(connection: ThreadConnection): void {
    this.places.leave(connection.id);
    this.newcomers.leave(connection);
  }

  /** Returns a place for which no connection was created. */
  giveBack(id: number): void {
    this.places.leave(id);
  }
}
