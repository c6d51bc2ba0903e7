// The info dictionary of a torrent in shared memory: the coordinator makes one copy, and all peer threads
// serve it.

import type { Metainfo } from './metainfo';

/** The same torrent, whose `infoBytes` and the digests in them are views of shared memory. */
export function withSharedInfo(metainfo: Metainfo): Metainfo {
  const { infoBytes } = metainfo;
  if (infoBytes === undefined || infoBytes.buffer instanceof SharedArrayBuffer) return metainfo;
  const shared = new SharedArrayBuffer(infoBytes.length);
  new Uint8Array(shared).set(infoBytes);
  return withInfoIn(metainfo, shared);
}

/** The same, if `shared` contains the info dictionary already. */
export function withInfoIn(metainfo: Metainfo, shared: SharedArrayBuffer): Metainfo {
  const { infoBytes, pieceHashes } = metainfo;
  const own = { ...metainfo, infoBytes: new Uint8Array(shared) };
  if (infoBytes === undefined || infoBytes.buffer !== pieceHashes.buffer) return own;
  const at = pieceHashes.byteOffset - infoBytes.byteOffset;
  return { ...own, pieceHashes: new Uint8Array(shared, at, pieceHashes.length) };
}

/**
 * The info dictionary to serve to peers. Undefined for a private torrent (BEP 27): its users get the .torrent
 * from the site of its tracker. libtorrent does not serve it either.
 */
export function infoForPeers({
  infoBytes,
  private: isPrivate,
}: Metainfo): SharedArrayBuffer | undefined {
  if (isPrivate || !(infoBytes?.buffer instanceof SharedArrayBuffer)) return undefined;
  return infoBytes.buffer;
}
