// Finds out under which names the files of a torrent lie in a folder. Clients repair odd names by
// different rules; whoever made the folder, its files are found and not fetched a second time.
import { NAME_MAPPINGS, namedBy } from '../metainfo/names';
import type { NameMapping } from '../metainfo/names';
import type { Metainfo } from '../metainfo/metainfo';
import { pathOf } from '../metainfo/paths';
import { storedFiles } from '../metainfo/stored';
import { readRecord } from './resume-file';
import { maxRecordBytes } from './resume-record';
import { stateFile } from './state-folder';
import { statFiles } from './stat-files';

/**
 * The torrent with the names that its files have in `folder`, an output folder: those of its
 * resume record there; else by the mapping under which most files exist; else, for new files, libtorrent's. One
 * mapping holds for the whole torrent. Most torrents have no name on which clients differ
 * (`Metainfo.names` is undefined): for them nothing is looked at. Never raises because of what it finds.
 */
export async function namesOnDisk(metainfo: Metainfo, folder: string): Promise<Metainfo> {
  if (metainfo.names === undefined) return metainfo;
  const { platform } = process;
  const recorded = await recordedNames(metainfo, folder);
  const kept = recorded && namedBy(metainfo, recorded, platform);
  if (kept !== undefined) return kept;
  const forNew = namedBy(metainfo, 'libtorrent', platform) ?? metainfo;
  let best = forNew;
  let mostGained = 0;
  for (const mapping of NAME_MAPPINGS) {
    const other = namedBy(metainfo, mapping, platform);
    if (other === undefined) continue;
    const gained = await gainOf(other, forNew, folder);
    if (gained <= mostGained) continue;
    best = other;
    mostGained = gained;
  }
  return best;
}

async function recordedNames(metainfo: Metainfo, folder: string): Promise<NameMapping | undefined> {
  const { infoHash, pieceCount } = metainfo;
  const file = stateFile(folder, infoHash, 'resume');
  const found = await readRecord(file, maxRecordBytes(pieceCount, storedFiles(metainfo)));
  return typeof found === 'object' ? found.record.names : undefined;
}

/** How many more files exist under the names of `other`; only those that it names otherwise are looked at. */
async function gainOf(other: Metainfo, than: Metainfo, folder: string): Promise<number> {
  const otherPaths: string[] = [];
  const paths: string[] = [];
  for (const [at, file] of other.files.entries()) {
    const otherPath = pathOf(file);
    const path = pathOf(than.files[at] ?? file);
    if (otherPath === path) continue;
    otherPaths.push(otherPath);
    paths.push(path);
  }
  return (await existing(otherPaths, folder)) - (await existing(paths, folder));
}

async function existing(paths: readonly string[], folder: string): Promise<number> {
  const stats = await statFiles(folder, paths, { onError: () => undefined });
  return stats.filter((found) => found?.kind === 'file').length;
}
