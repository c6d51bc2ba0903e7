// What goes over the wire in a request to a tracker, for inspection. Only types live here.

import type { OverheardHttp } from '../http/overhear';

/** One thing that was sent or received. Bytes are not to be changed. */
export type Overheard =
  | OverheardHttp
  | {
      readonly type: 'datagram';
      readonly direction: 'sent' | 'received';
      readonly packet: Uint8Array;
      /** Decides the length of packed peers. */
      readonly family: 4 | 6;
      readonly address: string;
    };

/** Called at once for each; must not throw. */
export type Overhear = (what: Overheard) => void;
