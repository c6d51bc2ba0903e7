// The IP filter of one peer thread, which may be replaced while there are connections.

import { IpFilter } from '../address/ip-filter';
import type { CloseReason } from '../messages/close-reasons';

/** Detail in the fact about a refused connection. */
export const FILTERED = 'the IP filter refuses its address';

/** A connection, as the filter sees it. */
interface Filtered {
  readonly address: string;
  close(reason: CloseReason, detail: string): void;
}

export class PeerFilter {
  private filter: IpFilter | undefined;

  /** `buffer`: that of an `IpFilter`; undefined: no address is refused. */
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
