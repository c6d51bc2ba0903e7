// Metadata that was fetched is stored beside the resume record: the next run of the same magnet link starts
// without fetching it.

import { recordOf } from '../../errors/millrace-error';
import type { StorageState } from '../../storage/storage';
import type { Engine } from '../engine';
import type { TorrentState } from '../state';

/** Stores fetched metadata, under the lock of the output. If that fails, the next run fetches it again. */
export async function keepInfo(
  engine: Engine,
  torrent: TorrentState,
  state: StorageState | undefined,
): Promise<void> {
  const { learnt, infoStored, infoHash } = torrent;
  if (infoStored || learnt?.infoBytes === undefined || !state?.saveInfo) return;
  try {
    await state.saveInfo(learnt.infoBytes);
    torrent.infoStored = true;
  } catch (error) {
    const { message } = recordOf(error);
    engine.log('warn', 'the metadata could not be kept for the next run', {
      torrent: infoHash,
      error: message,
    });
  }
}
