// What a connection has transferred since its last report: its row of a `traffic` fact.

import type { PeerSession } from '../peer/session';

export class TrafficRow {
  private inBytes = 0;
  private outBytes = 0;
  private wastedBytes = 0;

  /** Appends the row of this connection, if it transferred anything. */
  push(rows: number[], session: PeerSession): void {
    const { downloadedBytes, wastedBytes } = session.download;
    const { connection, uploadedBytes } = session;
    const inBytes = downloadedBytes - this.inBytes;
    const outBytes = uploadedBytes - this.outBytes;
    if (inBytes === 0 && outBytes === 0) return;
    rows.push(connection, inBytes, outBytes, wastedBytes - this.wastedBytes);
    this.inBytes = downloadedBytes;
    this.outBytes = uploadedBytes;
    this.wastedBytes = wastedBytes;
  }
}
