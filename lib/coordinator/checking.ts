// The recheck: pieces that exist on disk and are not trusted are read and hashed, on all workers,
// behind whatever live pieces there are.

import { lanes } from '../async/lanes';
import { MillraceError, recordOf } from '../errors/millrace-error';
import type { StoredPiece } from '../messages/verify';
import { batchPieces } from '../verify/batch';
import type { Engine } from './engine';
import { failTorrent } from './phases';
import type { TorrentState } from './state';
import { pieceHash } from '../metainfo/layout';

/** Hashes what is to be checked. Resolves true when all of it was, in this run. */
export async function checkPieces(engine: Engine, torrent: TorrentState): Promise<boolean> {
  const { toCheck } = torrent;
  torrent.piecesToCheck = toCheck.count();
  torrent.checkedPieces = 0;
  const { run } = torrent;
  const check = async (pieces: readonly StoredPiece[]): Promise<void> => {
    const result = await engine.verify.submit(
      { type: 'recheck', storage: torrent.storage, pieces },
      'background',
    );
    if (torrent.run !== run) return; // They stay to be checked: the next run does it.
    for (const outcome of result.outcomes) {
      if (outcome.type === 'storage-error') throw MillraceError.fromRecord(outcome.error);
      torrent.checkedPieces++;
      toCheck.clear(outcome.piece);
      if (outcome.type === 'good') torrent.possession.adopt(outcome.piece, engine.nowMs());
    }
  };
  try {
    const jobs = batchPieces(piecesToCheck(torrent, run));
    await lanes(engine.verify.maxJobs, jobs, check);
  } catch (error) {
    if (torrent.run === run && !engine.state.closing) failTorrent(engine, torrent, recordOf(error));
    return false;
  }
  return torrent.run === run && torrent.phase === 'checking';
}

/** Ends with the run. */
function* piecesToCheck(torrent: TorrentState, run: number): Generator<StoredPiece> {
  const { toCheck } = torrent;
  for (let piece = toCheck.nextSet(0); piece !== -1; piece = toCheck.nextSet(piece + 1)) {
    if (torrent.run !== run) return;
    yield {
      piece,
      lengthBytes: torrent.geometry.pieceLengthBytes(piece),
      sha1: pieceHash(torrent.metainfo, piece),
      spans: torrent.layout.spansOfPiece(piece),
    };
  }
}
