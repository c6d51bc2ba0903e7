// Notices that an own address is gone to which connections of a peer thread are bound.

import { isOwn } from '../address/binding';
import type { OwnAddressesNow } from '../address/binding';
import type { CloseReason } from '../messages/close-reasons';

/** How often the addresses of this machine are looked at while connections exist. */
const WATCH_MS = 1_000;

/** What the watch must know of a connection. */
interface Bound {
  readonly localAddress: string | undefined;
  close(reason: CloseReason, detail: string): void;
}

export class BindingWatch {
  private readonly own: OwnAddressesNow | undefined;
  private nextMs = -Infinity;

  /** Undefined: nothing is bound, and nothing can be lost. */
  constructor(own: OwnAddressesNow | undefined) {
    this.own = own;
  }

  /** Closes the connections whose own address is gone; looks once a second at most. */
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
