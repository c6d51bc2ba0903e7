// `--save-torrent`: writes the .torrent of a download once its metadata is known.

import { bytesEqual } from '../../bytes/compare';
import type { Torrent } from '../../index';
import type { Api, Context } from '../context';
import { fileExists, writeWhole } from '../output/write-file';

/**
 * Checks before the transfer that the file can be written, because a magnet link may take hours. An
 * existing file is replaced only if it is a .torrent of the same torrent, as after an earlier run.
 *
 * @throws MillraceError `output-exists`.
 */
export async function checkSavedTorrent(
  file: string,
  infoHash: Uint8Array,
  { api, signal }: Pick<Context, 'api' | 'signal'>,
): Promise<void> {
  if (!(await fileExists(file, api))) return;
  const present = await api.readTorrent(file, { signal }).catch(() => undefined);
  if (present !== undefined && bytesEqual(present.infoHash, infoHash)) return;
  throw new api.MillraceError(
    'output-exists',
    `${file} exists already, and is not this torrent: name another file with --save-torrent`,
  );
}

/** Resolves when the file is written; rejects if it cannot be. Waits for the metadata. */
export async function writeTorrent(file: string, torrent: Torrent, api: Api): Promise<void> {
  const metainfo = await torrent.metadata;
  await writeWhole(file, api.encodeTorrent(metainfo));
}
