// Closes connections of a peer thread when the own address to which they are bound is gone.

import { isOwn } from '../address/binding';
import type { OwnAddressesNow } from '../address/binding';
import type { CloseReason } from '../messages/close-reasons';

/** Interval at which this machine's addresses are compared while there are connections. */
const WATCH_MS = 1_000;

/** A connection, as the watch sees it. */
interface Bound {
  readonly localAddress: string | undefined;
  close(reason: CloseReason, detail: string): void;
}

export class BindingWatch {
  private readonly own: OwnAddressesNow | undefined;
  private nextMs = -Infinity;

  /** Undefined: nothing is bound, and there is nothing to watch. */
  constructor(own: OwnAddressesNow | undefined) {
    this.own = own;
  }

  /** Closes the connections whose own address is gone; compares once a second at most. */
  tick(connections: Iterable<Bound>, nowMs: number): void {
    if (this.own === undefined || nowMs < this.nextMs) return;
    this.nextMs = nowMs + WATCH_MS;
    const own = this.own();
    for (const connection of [...connections]) {
      const { localAddress } = connection;
      if (localAddress !== undefined && !isOwn(localAddress, own))
        connection.close('no-address', 'its own address has gone from this machine');
    }
  }
}
