// PURE. What is examined: a torrent, or one that is known by a magnet link alone. Only types.

import type { Metainfo } from '../metainfo/metainfo';

export interface Subject extends Pick<Metainfo, 'infoHash' | 'name' | 'trackers'> {
  /** Undefined for a magnet link. */
  readonly metainfo: Metainfo | undefined;
}
