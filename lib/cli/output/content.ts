// What several commands show of the content of a torrent. Pure.

import type { Metainfo } from '../../index';

/** Total length of the files. */
export function contentBytesOf({ totalLengthBytes, paddingBytes = 0 }: Metainfo): number {
  return totalLengthBytes - paddingBytes;
}
