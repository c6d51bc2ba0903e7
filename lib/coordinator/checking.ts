// The recheck: pieces that exist on disk and are not trusted are read and hashed, on all workers,
// behind whatever live pieces there are.

import { recordOf } from '../errors/millrace-error';
import type { Bitfield } from '../bytes/bitfield';
import type { StoredPiece } from '../messages/verify';
import type { Engine } from './engine';
import { failTorrent } from './phases';
import type { TorrentState } from './state';
import { pieceHash, storedSpans } from '../metainfo/stored';

/** A job reads up to 4 MiB: many small pieces, or one big one. */
const JOB_BYTES = 4 * 1024 * 1024;
/** Jobs waiting per worker: enough to keep it busy, few enough to stop soon. */
const JOBS_PER_WORKER = 2;

/** Marks trusted pieces, then checks the others. Resolves true when all was checked in this run. */
export async function checkPieces(
  engine: Engine,
  torrent: TorrentState,
  trusted: Bitfield,
  toCheck: Bitfield,
): Promise<boolean> {
  for (let piece = trusted.nextSet(0); piece !== -1; piece = trusted.nextSet(piece + 1)) {
    markGood(torrent, piece);
    torrent.durability.durable.set(piece);
  }
  torrent.piecesToCheck = toCheck.count();
  torrent.checkedPieces = 0;
  const jobs = jobsOf(torrent, toCheck);
  const { run } = torrent;
  const lane = async (): Promise<void> => {
    for (const pieces of jobs) {
      if (torrent.run !== run || torrent.phase !== 'checking') return;
      const result = await engine.verify.submit(
        { type: 'recheck', storage: torrent.storage, pieces },
        'background',
      );
      for (const outcome of result.outcomes) {
        torrent.checkedPieces++;
        if (outcome.type === 'good') adopt(engine, torrent, outcome.piece);
        if (outcome.type === 'storage-error') throw outcome.error;
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: engine.verify.threads * JOBS_PER_WORKER }, lane));
  } catch (error) {
    if (torrent.run === run && !engine.state.closing)
      failTorrent(
        engine,
        torrent,
        'code' in (error as object)
          ? (error as { code: string; message: string })
          : recordOf(error),
      );
    return false;
  }
  return torrent.run === run && torrent.phase === 'checking';
}

/** One iterator that all lanes draw from. */
function* jobsOf(torrent: TorrentState, toCheck: Bitfield): Generator<StoredPiece[]> {
  let pieces: StoredPiece[] = [];
  let bytes = 0;
  for (let piece = toCheck.nextSet(0); piece !== -1; piece = toCheck.nextSet(piece + 1)) {
    const lengthBytes = torrent.geometry.pieceLengthBytes(piece);
    pieces.push({
      piece,
      lengthBytes,
      sha1: pieceHash(torrent.metainfo, piece),
      spans: storedSpans(torrent.metainfo, torrent.geometry, piece),
    });
    bytes += lengthBytes;
    if (bytes >= JOB_BYTES) {
      yield pieces;
      pieces = [];
      bytes = 0;
    }
  }
  if (pieces.length > 0) yield pieces;
}

/** Good on disk, but nobody knows when it was written: it enters the record after the next sync. */
function adopt(engine: Engine, torrent: TorrentState, piece: number): void {
  markGood(torrent, piece);
  const paths = storedSpans(torrent.metainfo, torrent.geometry, piece).map((span) => span.path);
  torrent.durability.written(
    piece,
    torrent.geometry.pieceLengthBytes(piece),
    paths,
    engine.nowMs(),
  );
}

function markGood(torrent: TorrentState, piece: number): void {
  if (torrent.have.get(piece)) return;
  torrent.have.set(piece);
  torrent.picker.markHave(piece);
  torrent.doneBytes += torrent.geometry.pieceLengthBytes(piece);
}
