// Under which names the files of a torrent lie in a folder: the question, which few torrents raise. The
// search is in `name-search.ts`, loaded when one does.
import type { Metainfo } from '../metainfo/metainfo';
import type * as search from './name-search';

/**
 * The torrent with the names that its files have in `folder`, an output folder: those of its resume
 * record there; else by the mapping under which most files exist; else, for new files, libtorrent's.
 * One mapping holds for the whole torrent. Most torrents have no name on which clients differ
 * (`Metainfo.names` is undefined): for them nothing is looked at. Never raises because of what it finds.
 */
export async function namesOnDisk(metainfo: Metainfo, folder: string): Promise<Metainfo> {
  if (metainfo.names === undefined) return metainfo;
  // The rules of records would load with it.
  const { searchNames } = require('./name-search') as typeof search;
  return searchNames(metainfo, folder);
}
