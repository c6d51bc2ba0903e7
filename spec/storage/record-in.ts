// The resume record of a torrent in an output folder, and the file that it is.
import type { NameMapping } from '../../lib/metainfo/names';
import { FilesState } from '../../lib/storage/files-state';
import { TorrentRecord } from '../../lib/storage/torrent-record';
import type { TorrentShape } from '../../lib/storage/torrent-record';

export type RecordInFolder = TorrentRecord & { readonly path: string };

export function recordIn(root: string, shape: TorrentShape, names?: NameMapping): RecordInFolder {
  const state = new FilesState(root, shape.infoHash);
  return Object.assign(new TorrentRecord(state, shape, names), { path: state.recordPath });
}
