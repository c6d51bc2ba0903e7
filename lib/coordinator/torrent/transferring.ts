// From the check to the transfer, and from the last piece to a complete torrent. How a run begins
// is in `starting.ts`, how it ends in `stopping.ts`.

import { advised } from '../../errors/millrace-error';
import type { ErrorRecord } from '../../errors/millrace-error';
import { accountLastSync, openAccount } from '../account/accounting';
import type { Engine } from '../engine';
import { announceUploadOnly, joinSwarm, shareContent } from '../swarm/joining';
import { enter } from './life';
import type { Whole } from './life';
import { closeIfUseless, updateInterest } from '../swarm/peer-orders';
import { makeEmptyFiles } from '../files/saving';
import type { KnownTorrent } from '../state';
import { beginSuperSeeding, setSuperSeed } from '../swarm/super-seeding';
import { failTorrent } from './stopping';
import { announceIfDue } from '../swarm/trackers';

/** The check is over, or was not needed: downloads what is missing, or seeds. */
export function startTransfer(engine: Engine, torrent: KnownTorrent): void {
  const { life, options } = torrent;
  const { hasAll, hasAllWanted } = torrent.content.possession;
  // Data that was complete before is not fetched again unasked: the user may have changed it on
  // purpose.
  if (!hasAllWanted && (!options.download || torrent.completeSent))
    return failTorrent(engine, torrent, notWhole(torrent));
  const quiet = hasAllWanted && !options.seed;
  enter(torrent, hasAllWanted ? wholeLife(torrent) : { phase: 'downloading' });
  beginSuperSeeding(engine, torrent);
  if (life.phase === 'checking' && life.inSwarm) {
    if (hasAll) torrent.schedule.foundComplete();
    if (!quiet) shareContent(engine, torrent);
    announceUploadOnly(engine, torrent);
  } else joinSwarm(engine, torrent, { whole: hasAll, quiet });
  if (options.download) makeEmptyFiles(engine, torrent);
  if (hasAllWanted) return finish(engine, torrent);
  openAccount(engine, torrent);
  for (const peer of torrent.peers) updateInterest(engine, peer);
}

function notWhole({ content, options, completeSent }: KnownTorrent): ErrorRecord {
  const { possession, layout } = content;
  return advised(
    completeSent ? 'data-changed' : 'not-whole',
    `${possession.missingWantedPieces} of ${layout.pieceCount} pieces in ${options.output} are missing or wrong`,
    'list them by verifyTorrent(), repair them by add() with the option download',
  ).toRecord();
}

/**
 * Once every wanted piece is verified: syncs, saves, emits `complete`, announces it; then seeds or
 * stops.
 */
export function finishIfWhole(engine: Engine, torrent: KnownTorrent): void {
  if (torrent.phase !== 'downloading' || !torrent.content.possession.hasAllWanted) return;
  enter(torrent, wholeLife(torrent));
  setSuperSeed(engine, torrent, torrent.superSeed);
  finish(engine, torrent);
}

function wholeLife({ options }: KnownTorrent): Whole {
  return { phase: options.seed ? 'seeding' : 'complete', step: 'settling' };
}

function finish(engine: Engine, torrent: KnownTorrent): void {
  accountLastSync(engine, torrent);
  engine.state.budget.setActive(torrent.id, false);
  if (torrent.content.possession.hasAll) {
    torrent.schedule.completed(engine.nowMs());
    torrent.book.postponeSeeds(engine.nowMs());
  }
  announceIfDue(engine, torrent);
  for (const peer of [...torrent.peers]) {
    updateInterest(engine, peer);
    if (torrent.options.seed) closeIfUseless(engine, peer);
  }
  engine.happen({ type: 'go-on', torrent });
}
