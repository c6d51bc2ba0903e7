// The names of a torrent's files in a folder. Few torrents need the search, which is in
// `name-search.ts` and loaded on demand.
import type { Metainfo } from '../metainfo/metainfo';
import type * as search from './name-search';

/**
 * Returns the torrent with the names that its files have in `folder`, an output folder: those in
 * its resume record there; else those of the mapping under which most files exist; else, for new
 * files, libtorrent's. One mapping applies to the whole torrent. Most torrents have no name on
 * which clients differ (`Metainfo.names` is undefined): for them the folder is not read. Errors of
 * the file system are ignored.
 */
export async function namesOnDisk(metainfo: Metainfo, folder: string): Promise<Metainfo> {
  if (metainfo.names === undefined) return metainfo;
  // Loaded on demand, because it would also load the rules of records.
  const { searchNames } = require('./name-search') as typeof search;
  return searchNames(metainfo, folder);
}
