// The announce request of tracker specs; its hash has every kind of byte that needs escaping.

import type { AnnounceRequest } from '../../lib/tracker/announce';

export const HASH = Uint8Array.from(
  { length: 20 },
  (_, at) => [0x00, 0x25, 0xff, 0x20][at % 4] ?? 0,
);

/** A request of the peer with this number, which also decides its port. */
export function request(id: number, more: Partial<AnnounceRequest> = {}): AnnounceRequest {
  return {
    infoHash: HASH,
    peerId: new Uint8Array(20).fill(id),
    port: 1000 + id,
    uploadedBytes: 0,
    downloadedBytes: 0,
    leftBytes: 10,
    numWant: 50,
    key: id,
    ...more,
  };
}
