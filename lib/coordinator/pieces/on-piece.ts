// Handles the outcomes of verify jobs. How jobs go out is in `verifying.ts`.

import type { ErrorRecord } from '../../errors/millrace-error';
import type { PieceOutcome, VerifyResult } from '../../messages/verify';
import { noteJob } from '../account/accounting';
import { noteGain } from './availability';
import { accuse, ban, convictLiars } from './blame';
import type { Engine } from '../engine';
import { evictPiece } from './eviction';
import type { Happening } from '../happenings';
import type { FileChange } from '../files/file-watch';
import { onChanges } from '../files/lost-data';
import { endPiece, restartPiece, sentBytes } from './pieces';
import { wake } from '../rest';
import type { PieceState, KnownTorrent } from '../state';
import { failTorrent } from '../torrent/stopping';

type Verified = Extract<Happening, { readonly type: 'verified' }>;

export function onVerified(engine: Engine, { torrent, pieces, ticket, answer }: Verified): void {
  engine.state.verifyGate.onAnswer();
  try {
    settleJob(engine, torrent, pieces, ticket, answer);
  } finally {
    // Last: if the outcome ends the run, its record must wait until the whole outcome is noted.
    torrent.content.jobsOut--;
  }
  engine.happen({ type: 'go-on', torrent });
}

function settleJob(
  engine: Engine,
  torrent: KnownTorrent,
  pieces: Verified['pieces'],
  ticket: Verified['ticket'],
  answer: Verified['answer'],
): void {
  if (answer.error) {
    if (ticket) torrent.content.watch?.end(ticket, undefined, true);
    return onJobLost(engine, torrent, pieces, answer.error);
  }
  const { written, again = false } = answer.value;
  const changes = ticket && torrent.content.watch?.end(ticket, written, again);
  onOutcomes(engine, torrent, pieces, answer.value);
  onChanges(engine, torrent, changes ?? []);
}

function onOutcomes(
  engine: Engine,
  torrent: KnownTorrent,
  pieces: readonly PieceState[],
  result: VerifyResult,
): void {
  noteJob(engine, torrent, result);
  let failure: ErrorRecord | undefined;
  const good: number[] = [];
  pieces.forEach((piece, at) => {
    const outcome = result.outcomes[at];
    if (!outcome) return;
    failure = onOutcome(engine, torrent, piece, outcome) ?? failure;
    if (outcome.type === 'good') good.push(piece.blocks.piece);
  });
  // Emitted at once, unlike `have` orders: before the end of a peer that sent them, and before
  // figures that count them.
  if (good.length > 0) engine.emit({ type: 'pieces', torrent: torrent.id, pieces: good });
  const change = failure && changeOf(failure);
  if (change) onChanges(engine, torrent, [change]);
  else if (failure) failTorrent(engine, torrent, failure);
  engine.turn.touched.add(torrent);
}

function onOutcome(
  engine: Engine,
  torrent: KnownTorrent,
  piece: PieceState,
  outcome: PieceOutcome,
): ErrorRecord | undefined {
  switch (outcome.type) {
    case 'good':
      onGood(engine, torrent, piece, outcome.blockDigests);
      return undefined;
    case 'bad':
      onBad(engine, torrent, piece, outcome.blockDigests);
      return undefined;
    case 'storage-error':
      evictPiece(engine, piece);
      return outcome.error;
    case 'digest':
      return undefined;
  }
}

/** A change of the files that a worker found: the file is missing, or was replaced. */
function changeOf({ details }: ErrorRecord): FileChange | undefined {
  const { path, kind } = details ?? {};
  if (typeof path !== 'string' || (kind !== 'missing' && kind !== 'replaced')) return undefined;
  return { path, kind };
}

/**
 * The pool gave up on a job (its workers kept dying): its pieces are fetched again, and the torrent
 * stops.
 */
function onJobLost(
  engine: Engine,
  torrent: KnownTorrent,
  pieces: readonly PieceState[],
  error: ErrorRecord,
): void {
  for (const piece of pieces) evictPiece(engine, piece);
  if (!engine.state.closing) failTorrent(engine, torrent, error);
}

function onGood(
  engine: Engine,
  torrent: KnownTorrent,
  piece: PieceState,
  blockDigests: Uint8Array | undefined,
): void {
  const index = piece.blocks.piece;
  wake(engine, torrent);
  if (blockDigests) convictLiars(engine, piece, blockDigests);
  endPiece(engine, piece);
  torrent.fetchedBytes += sentBytes(piece);
  if (torrent.content.possession.gain(index, engine.nowMs())) noteGain(engine, torrent, index);
}

function onBad(
  engine: Engine,
  torrent: KnownTorrent,
  piece: PieceState,
  blockDigests: Uint8Array | undefined,
): void {
  const index = piece.blocks.piece;
  torrent.content.piecesFailed++;
  const { suspects, convicted: banned } = accuse(engine, piece, blockDigests);
  if (torrent.phase === 'downloading') {
    torrent.wastedBytes += sentBytes(piece);
    restartPiece(engine, piece);
  } else evictPiece(engine, piece); // Counts the wasted bytes.
  ban(engine, piece, banned);
  engine.log('warn', 'a piece failed its hash check', {
    torrent: torrent.infoHash,
    piece: index,
    suspects,
    banned,
  });
  engine.emit({ type: 'piece-failed', torrent: torrent.id, piece: index, suspects, banned });
}
