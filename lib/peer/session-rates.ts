// A session under rate limits: the payload that it has paid for in each direction, and how it continues when
// it gets credit.

import type { Allowance, Spender } from '../rate/dealer';
import { DOWN } from '../rate/thread-rates';
import type { Direction, RatedPeer } from '../rate/thread-rates';
import type { PeerSession } from './session';

/** Continues a session after a wait for credit. */
export interface RatedDriver {
  /** More may be requested, and read where reading was held back. */
  requestMore(): void;
  /** More requests of the peer may be answered. */
  serveMore(): void;
}

export class SessionRates implements RatedPeer {
  readonly torrent: number;
  private readonly session: PeerSession;
  private readonly driver: RatedDriver;

  constructor(torrent: number, session: PeerSession, driver: RatedDriver) {
    this.torrent = torrent;
    this.session = session;
    this.driver = driver;
  }

  spender(direction: Direction): Spender {
    const { session, driver } = this;
    if (direction === DOWN) {
      return {
        // Requests that will never be answered were not spent.
        spentBytes: () =>
          session.closed ? session.download.downloadedBytes : session.download.spentBytes,
        goOn: () => driver.requestMore(),
      };
    }
    return { spentBytes: () => session.uploadedBytes, goOn: () => driver.serveMore() };
  }

  allow(direction: Direction, allowance: Allowance | undefined): void {
    if (direction === DOWN) this.session.download.allowance = allowance;
    else this.session.serving.allowance = allowance;
  }

  onLowered(): void {
    this.session.download.limitLowered();
  }
}
