// What the clients of all trackers are made with, whatever they speak.

import type { OwnAddressesNow } from '../address/binding';
import type { Family, Resolve } from '../http/resolve';
import type { Overhear } from './overhear';

export interface ClientOptions {
  /** Use only this address family. */
  readonly family?: Family;
  /**
   * Announce over every family that the tracker's name resolves to, in parallel (BEP 7). Default
   * false.
   */
  readonly bothFamilies?: boolean;
  /** The own addresses that sockets are bound to. Default: the system chooses. */
  readonly own?: OwnAddressesNow | undefined;
  /** The user gave the URLs: they may lead anywhere (reach.ts). Default false. */
  readonly trusted?: boolean;
  /**
   * Our own addresses as text, which are removed as peers with the announced port. Default: those
   * of this machine's interfaces.
   */
  readonly ownIps?: readonly string[];
  /** Name look-up. Default: the system's. */
  readonly resolve?: Resolve;
  /** Called with everything that is sent and received. Default: none. */
  readonly overhear?: Overhear;
}
