// PURE. Counters of metadata fetches, of all torrents together.

export interface MetadataCounts {
  /** Verified. */
  fetched: number;
  /** Complete copies with a wrong hash. */
  failed: number;
  /** Peers that were banned for pieces of such copies. */
  liars: number;
  /** Rejects, and answers of a wrong length. */
  refusals: number;
  timeouts: number;
  /** Peers that announced a length that differs from that of others, or from their own earlier one. */
  conflicts: number;
  /** Lengths above the limit. */
  tooLong: number;
  /** Copies that were dropped because others waited for their memory. */
  gaveWay: number;
  /** Read from the folder of an earlier run. */
  stored: number;
}

export function newMetadataCounts(): MetadataCounts {
  return {
    fetched: 0,
    failed: 0,
    liars: 0,
    refusals: 0,
    timeouts: 0,
    conflicts: 0,
    tooLong: 0,
    gaveWay: 0,
    stored: 0,
  };
}
