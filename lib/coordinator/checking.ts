// The recheck: pieces that exist on disk and are not trusted are read and hashed, on all workers,
// at lower priority than live pieces.

import type { ErrorRecord } from '../errors/millrace-error';
import type { StoredPiece } from '../messages/verify';
import { batchPieces } from '../verify/batch';
import { ask } from './engine';
import type { Engine } from './engine';
import type { Happening } from './happenings';
import type { TorrentState } from './state';
import { failTorrent } from './stopping';
import { pieceHash } from '../metainfo/layout';

/** Starts to hash the pieces in `toCheck`. Returns true if there are none. */
export function beginCheck(engine: Engine, torrent: TorrentState): boolean {
  const { toCheck, epoch } = torrent;
  torrent.piecesToCheck = toCheck.count();
  torrent.checkedPieces = 0;
  torrent.checksOut = 0;
  const jobs = batchPieces(piecesToCheck(torrent, epoch))[Symbol.iterator]();
  for (let lane = 0; lane < engine.verify.maxJobs; lane++) checkNext(engine, torrent, jobs);
  return torrent.checksOut === 0;
}

type Checked = Extract<Happening, { readonly type: 'checked' }>;

function checkNext(engine: Engine, torrent: TorrentState, jobs: Checked['jobs']): void {
  const { value: pieces } = jobs.next();
  if (pieces === undefined) return;
  const { storage, epoch } = torrent;
  torrent.checksOut++;
  ask(
    engine,
    engine.verify.submit({ type: 'recheck', storage, pieces }, 'background'),
    (answer) => ({
      type: 'checked',
      torrent,
      epoch,
      jobs,
      answer,
    }),
  );
}

/** Notes hashed pieces and hands out the next. Returns true when those were the last. */
export function checkOn(engine: Engine, { torrent, jobs, answer }: Checked): boolean {
  torrent.checksOut--;
  if (answer.error) return fail(engine, torrent, answer.error);
  for (const outcome of answer.value.outcomes) {
    if (outcome.type === 'storage-error') return fail(engine, torrent, outcome.error);
    torrent.checkedPieces++;
    torrent.toCheck.clear(outcome.piece);
    if (outcome.type === 'good') torrent.possession.adopt(outcome.piece, engine.nowMs());
  }
  checkNext(engine, torrent, jobs);
  return torrent.checksOut === 0;
}

function fail(engine: Engine, torrent: TorrentState, error: ErrorRecord): false {
  if (!engine.state.closing) failTorrent(engine, torrent, error);
  return false;
}

/** Yields the pieces to check; stops when the run ends. */
function* piecesToCheck(torrent: TorrentState, epoch: number): Generator<StoredPiece> {
  const { toCheck } = torrent;
  for (let piece = toCheck.nextSet(0); piece !== -1; piece = toCheck.nextSet(piece + 1)) {
    if (torrent.epoch !== epoch) return;
    yield {
      piece,
      lengthBytes: torrent.geometry.pieceLengthBytes(piece),
      sha1: pieceHash(torrent.metainfo, piece),
      spans: torrent.layout.spansOfPiece(piece),
    };
  }
}
