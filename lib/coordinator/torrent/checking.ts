// The recheck: pieces that exist on disk and are not trusted are read and hashed, on all workers,
// at lower priority than live pieces.

import type { ErrorRecord } from '../../errors/millrace-error';
import type { StoredPiece } from '../../messages/verify';
import { batchPieces } from '../../verify/batch';
import { noteGain } from '../pieces/availability';
import { ask } from '../engine';
import type { Engine } from '../engine';
import type { Happening } from '../happenings';
import type { Content, KnownTorrent } from '../state';
import { failTorrent } from './stopping';
import { pieceHash } from '../../metainfo/layout';

/** Starts to hash the pieces in `toCheck`. Returns true if there are none. */
export function beginCheck(engine: Engine, torrent: KnownTorrent): boolean {
  const { content } = torrent;
  content.piecesToCheck = content.toCheck.count();
  content.checkedPieces = 0;
  content.checksOut = 0;
  const jobs = batchPieces(piecesToCheck(content))[Symbol.iterator]();
  for (let lane = 0; lane < engine.verify.maxJobs; lane++) checkNext(engine, torrent, jobs);
  return content.checksOut === 0;
}

type Checked = Extract<Happening, { readonly type: 'checked' }>;

function checkNext(engine: Engine, torrent: KnownTorrent, jobs: Checked['jobs']): void {
  const { value: pieces } = jobs.next();
  if (pieces === undefined) return;
  const { epoch, content } = torrent;
  const { storage } = content;
  content.checksOut++;
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
  torrent.content.checksOut--;
  if (answer.error) return fail(engine, torrent, answer.error);
  for (const outcome of answer.value.outcomes) {
    if (outcome.type === 'storage-error') return fail(engine, torrent, outcome.error);
    torrent.content.checkedPieces++;
    torrent.content.toCheck.clear(outcome.piece);
    // Peers learn of the content after the check, but a source need not be a peer.
    if (outcome.type === 'good' && torrent.content.possession.adopt(outcome.piece, engine.nowMs()))
      noteGain(engine, torrent, outcome.piece);
  }
  checkNext(engine, torrent, jobs);
  return torrent.content.checksOut === 0;
}

function fail(engine: Engine, torrent: KnownTorrent, error: ErrorRecord): false {
  if (!engine.state.closing) failTorrent(engine, torrent, error);
  return false;
}

/** Yields the pieces to check. Once the run has ended, nothing asks for more. */
function* piecesToCheck({ toCheck, layout, metainfo }: Content): Generator<StoredPiece> {
  for (let piece = toCheck.nextSet(0); piece !== -1; piece = toCheck.nextSet(piece + 1)) {
    yield {
      piece,
      lengthBytes: layout.geometry.pieceLengthBytes(piece),
      sha1: pieceHash(metainfo, piece),
      spans: layout.spansOfPiece(piece),
    };
  }
}
