// The recheck: pieces that exist on disk and are not trusted are read and hashed, on all workers,
// behind whatever live pieces there are.

import { lanes } from '../async/lanes';
import { MillraceError, recordOf } from '../errors/millrace-error';
import type { Bitfield } from '../bytes/bitfield';
import type { StoredPiece } from '../messages/verify';
import { batchPieces } from '../verify/batch';
import type { Engine } from './engine';
import { failTorrent } from './phases';
import type { TorrentState } from './state';
import { pieceHash } from '../metainfo/layout';

/** Jobs waiting per worker: enough to keep it busy, few enough to stop soon. */
const JOBS_PER_WORKER = 2;

/** These pieces are good and safe on disk: a finished sync covers them. */
export function trustPieces(torrent: TorrentState, trusted: Bitfield): void {
  for (let piece = trusted.nextSet(0); piece !== -1; piece = trusted.nextSet(piece + 1)) {
    markGood(torrent, piece);
    torrent.durability.durable.set(piece);
  }
}

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
      if (outcome.type === 'good') adopt(engine, torrent, outcome.piece);
    }
  };
  try {
    const jobs = batchPieces(piecesToCheck(torrent, run));
    await lanes(engine.verify.threads * JOBS_PER_WORKER, jobs, check);
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

/** Good on disk, but nobody knows when it was written: it enters the record after the next sync. */
function adopt(engine: Engine, torrent: TorrentState, piece: number): void {
  markGood(torrent, piece);
  const paths = torrent.layout.pathsOfPiece(piece);
  torrent.durability.written(
    piece,
    torrent.geometry.pieceLengthBytes(piece),
    paths,
    engine.nowMs(),
  );
}

/** The piece is missing from now on; false if it was before. The caller stops the torrent's peers. */
export function losePiece(torrent: TorrentState, piece: number): boolean {
  if (!torrent.have.get(piece)) return false;
  torrent.have.clear(piece);
  torrent.durability.lose(piece);
  torrent.picker.markMissing(piece);
  torrent.doneBytes -= torrent.layout.contentBytes(piece);
  return true;
}

function markGood(torrent: TorrentState, piece: number): void {
  if (torrent.have.get(piece)) return;
  torrent.have.set(piece);
  torrent.picker.markHave(piece);
  torrent.doneBytes += torrent.layout.contentBytes(piece);
}
