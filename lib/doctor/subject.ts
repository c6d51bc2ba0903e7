// PURE. The subject of an examination: a torrent, or a magnet link. Only types.

import type { Metainfo } from '../metainfo/metainfo';

export interface Subject extends Pick<Metainfo, 'infoHash' | 'name' | 'trackers'> {
  /** Undefined for a magnet link. */
  readonly metainfo: Metainfo | undefined;
}
