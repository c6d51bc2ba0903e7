// What is sent and received in a request to a tracker, for inspection. Only types.

import type { OverheardHttp } from '../http/overhear';

/** One thing that was sent or received. Its bytes must not be modified. */
export type Overheard =
  | OverheardHttp
  | {
      readonly type: 'datagram';
      readonly direction: 'sent' | 'received';
      readonly packet: Uint8Array;
      /** Determines the length of packed peers. */
      readonly family: 4 | 6;
      readonly address: string;
    };

/** Called at once for each; must not throw. */
export type Overhear = (what: Overheard) => void;
