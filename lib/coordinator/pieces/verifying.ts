// Hands full pieces to the verify workers, one torrent after the other. The outcomes are handled in
// `on-piece.ts`.

import type { FilledPiece } from '../../messages/verify';
import { pieceHash } from '../../metainfo/layout';
import { batchPieces, isFullJob, jobTargetBytes } from '../../verify/batch';
import { ask } from '../engine';
import type { Engine } from '../engine';
import { filledSegments } from './pieces';
import { isKnown } from '../state';
import type { PieceState, KnownTorrent } from '../state';

/**
 * Hands filled pieces to the workers while the gate is open. The torrent with the fewest jobs in
 * flight comes first, so that one with much to verify delays no other. While the gate is shut,
 * small pieces accumulate.
 */
export function pumpVerify(engine: Engine): void {
  const { verifyGate } = engine.state;
  for (;;) {
    const torrent = nextToVerify(engine);
    if (!torrent) return verifyGate.onNoneWaiting();
    if (!verifyGate.isOpen(engine.nowMs())) return;
    submit(engine, torrent, takeBatch(engine, torrent));
  }
}

/** The torrent is about to stop: its full pieces are still verified and written. */
export function verifyAllFilled(engine: Engine, torrent: KnownTorrent): void {
  while (torrent.content.filled.length > 0) submit(engine, torrent, takeBatch(engine, torrent));
}

function nextToVerify(engine: Engine): KnownTorrent | undefined {
  const targetBytes = targetBytesOf(engine);
  let next: KnownTorrent | undefined;
  for (const torrent of engine.state.torrents.values()) {
    if (!isKnown(torrent) || torrent.content.filled.length === 0) continue;
    // While one of its jobs is in flight, pieces accumulate for a full job: that halves the number
    // of messages.
    if (torrent.content.jobsOut > 0 && !isFullJob(torrent.content.filled, targetBytes)) continue;
    if (!next || torrent.content.jobsOut < next.content.jobsOut) next = torrent;
  }
  return next;
}

/** Takes the pieces of one job, fewer if fewer wait: a good piece should be announced soon. */
function takeBatch(engine: Engine, torrent: KnownTorrent): PieceState[] {
  const [batch = []] = batchPieces(torrent.content.filled, targetBytesOf(engine));
  torrent.content.filled.splice(0, batch.length);
  return batch;
}

function targetBytesOf({ state, verify }: Engine): number {
  return jobTargetBytes(state.budget.limitBytes, verify.maxJobs);
}

function submit(engine: Engine, torrent: KnownTorrent, pieces: readonly PieceState[]): void {
  const filled = pieces.map((piece) => filledPiece(torrent, piece));
  const paths = pathsOf(filled);
  const job = {
    type: 'pieces' as const,
    storage: torrent.content.storage,
    pieces: filled,
    known: torrent.content.watch?.known(paths),
  };
  const ticket = torrent.content.watch?.begin(paths);
  torrent.content.jobsOut++;
  engine.state.verifyGate.onOut();
  ask(engine, engine.verify.submit(job, 'live'), (answer) => ({
    type: 'verified',
    torrent,
    pieces,
    ticket,
    answer,
  }));
}

function pathsOf(pieces: readonly FilledPiece[]): Set<string> {
  const paths = new Set<string>();
  for (const { spans } of pieces)
    for (const { path } of spans) if (path !== undefined) paths.add(path);
  return paths;
}

function filledPiece(torrent: KnownTorrent, piece: PieceState): FilledPiece {
  const index = piece.blocks.piece;
  return {
    piece: index,
    lengthBytes: piece.lengthBytes,
    sha1: pieceHash(torrent.content.metainfo, index),
    segments: filledSegments(piece),
    spans: torrent.content.layout.spansOfPiece(index),
    wantBlockDigests: piece.witness !== undefined,
  };
}
