// Searches a folder for the files of a torrent with unusual names. Clients map such names by
// different rules: files under any of these names are found, and not downloaded again.
import { setImmediate } from 'node:timers/promises';
import { NAME_MAPPINGS, namedBy, topNames } from '../metainfo/names';
import type { NameMapping } from '../metainfo/names';
import type { Metainfo } from '../metainfo/metainfo';
import { pathOf } from '../metainfo/paths';
import { storedFiles } from '../metainfo/layout';
import { readRecord } from './files-state';
import { maxRecordBytes } from './resume-record';
import { stateFile } from './state-folder';
import { statFiles } from './stat-files';

/** What cannot be examined counts as missing. */
const QUIET = { onError: () => undefined };

/** `namesOnDisk` for a torrent with names on which clients differ. */
export async function searchNames(metainfo: Metainfo, folder: string): Promise<Metainfo> {
  const { platform } = process;
  const recorded = await recordedNames(metainfo, folder);
  const kept = recorded && namedBy(metainfo, recorded, platform);
  if (kept !== undefined) return kept;
  const forNew = namedBy(metainfo, 'libtorrent', platform) ?? metainfo;
  // A new download: four mappings of 200,000 files would take 300 MiB for nothing.
  if (
    (await statFiles(folder, [...topNames(metainfo, platform)], QUIET)).every(
      (found) => found === undefined,
    )
  )
    return forNew;
  let best = forNew;
  let mostGained = 0;
  for (const mapping of NAME_MAPPINGS) {
    // A mapping takes up to a second for the largest number of the worst names: let other work run
    // in between.
    await setImmediate();
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

/**
 * How many more files exist under the names of `other`; only files with different names are
 * examined.
 */
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
  const stats = await statFiles(folder, paths, QUIET);
  return stats.filter((found) => found?.kind === 'file').length;
}
