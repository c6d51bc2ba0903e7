// What the clients of all trackers are made with, whatever they speak.

import type { Family, Resolve } from '../http/resolve';
import type { Overhear } from './overhear';

export interface ClientOptions {
  /** Use one address family only. */
  readonly family?: Family;
  /** Announce over every family that the tracker's name resolves to, side by side (BEP 7). Default false. */
  readonly bothFamilies?: boolean;
  /** The user gave the URLs: they may lead anywhere (reach.ts). Default false. */
  readonly trusted?: boolean;
  /**
   * Addresses of ours, as text: never taken for peers on the announced port. Default: those of this
   * machine's interfaces.
   */
  readonly ownIps?: readonly string[];
  /** Name look-up. Default: the system's. */
  readonly resolve?: Resolve;
  /** Told what goes over the wire. Default: nobody. */
  readonly overhear?: Overhear;
}
