// The IP filter of one peer thread: it may be replaced while connections exist.

import { IpFilter } from '../address/ip-filter';
import type { CloseReason } from '../messages/close-reasons';

/** Detail of a connection that the filter refuses. */
export const FILTERED = 'the IP filter refuses its address';

/** What the filter must know of a connection. */
interface Filtered {
  readonly address: string;
  close(reason: CloseReason, detail: string): void;
}

export class PeerFilter {
  private filter: IpFilter | undefined;

  /** `buffer`: that of an `IpFilter`; undefined refuses nobody. */
  constructor(buffer: SharedArrayBuffer | undefined) {
    this.replace(buffer, []);
  }

  /** Closes the connections that the new filter refuses. */
  replace(buffer: SharedArrayBuffer | undefined, connections: Iterable<Filtered>): void {
    this.filter = buffer && new IpFilter(buffer);
    for (const connection of [...connections]) {
      if (this.refuses(connection.address)) connection.close('ip-filter', FILTERED);
    }
  }

  refuses(host: string): boolean {
    return this.filter?.refuses(host) === true;
  }
}
