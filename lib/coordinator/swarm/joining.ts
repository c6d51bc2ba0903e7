// A torrent joins its swarm: it is opened on the peer threads, and announced. Its content need not be known.

import type { PeerContent } from '../../messages/peer-thread';
import { AnnounceSchedule } from '../../tracker/schedule';
import type { Engine } from '../engine';
import { transfers } from '../torrent/life';
import { isPrivate, receivedBytes } from '../state';
import type { Content, KnownTorrent, TorrentState } from '../state';
import { noteAnnounceToAll } from './private-torrent';
import { limitOn } from './limits';
import { PATIENCE_MS } from './trackers';

export interface Joining {
  /** Every piece is here: trackers never get `completed`. */
  readonly whole: boolean;
  /** Nothing is wanted of peers, and nothing given: no tracker or peer is asked. */
  readonly quiet?: boolean;
}

/** The announces of a run begin, and its connections. */
export function joinSwarm(
  engine: Engine,
  torrent: TorrentState,
  { whole, quiet = false }: Joining,
): void {
  const nowMs = engine.nowMs();
  torrent.downloadedAtStart = receivedBytes(torrent);
  torrent.uploadedAtStart = torrent.uploadedBytes;
  torrent.schedule = new AnnounceSchedule({
    tiers: quiet ? [] : torrent.trackers,
    random: () => engine.random(),
    nowMs,
    startedComplete: whole,
    announceToAll: torrent.options.announceToAll,
    exclusive: isPrivate(torrent),
    patienceMs: PATIENCE_MS,
  });
  if (isPrivate(torrent) && !quiet) noteAnnounceToAll(engine, torrent);
  torrent.book.forgetFailures(nowMs);
  openOnAll(engine, torrent);
}

export function openOnAll(engine: Engine, torrent: TorrentState): void {
  const { peerThreads } = engine.state.settings;
  for (let thread = 0; thread < peerThreads; thread++) openOn(engine, torrent, thread);
}

/** Opens the torrent on a peer thread. Peers learn of its content only once it is checked. */
export function openOn(engine: Engine, torrent: TorrentState, thread: number): void {
  // A torrent that is complete and does not seed is open on no thread.
  if (torrent.phase === 'complete') return;
  // A thread that is down gets the order after its restart.
  if (torrent.openOn.has(thread) || engine.state.downThreads.has(thread)) return;
  if (torrent.openOn.size === 0) torrent.saysUploadOnly = isUploadOnly(torrent);
  torrent.openOn.add(thread);
  const { id, infoHashBytes: infoHash, info } = torrent;
  const { content: known, life } = torrent;
  const content = known && transfers(life) ? contentFor(known) : undefined;
  engine.order(thread, {
    type: 'open-torrent',
    torrent: {
      torrent: id,
      infoHash,
      private: isPrivate(torrent),
      uploadOnly: torrent.saysUploadOnly,
      content,
      ...(info && { info }),
    },
  });
  limitOn(engine, torrent, thread);
  torrent.exchange.hasChanged = true; // This thread has no list of its peers.
}

/** We want nothing more of the torrent (BEP 21). A super-seed does not announce this: peers might close. */
function isUploadOnly({ phase, superSeed }: TorrentState): boolean {
  return phase === 'seeding' && !superSeed;
}

/** Announces to all peers whether we want nothing more, if that has changed. */
export function announceUploadOnly(engine: Engine, torrent: TorrentState): void {
  const uploadOnly = isUploadOnly(torrent);
  if (uploadOnly === torrent.saysUploadOnly) return;
  torrent.saysUploadOnly = uploadOnly;
  for (const thread of torrent.openOn)
    engine.order(thread, { type: 'upload-only', torrent: torrent.id, uploadOnly });
}

/**
 * The content is known and checked: connections that began without it continue with it, and their
 * peers get all of our pieces at once. Before that, each piece that the check finds would have to be
 * announced on its own.
 */
export function shareContent(engine: Engine, torrent: KnownTorrent): void {
  const { content } = torrent;
  content.sharedAtMs = engine.nowMs();
  const order = {
    type: 'torrent-content' as const,
    torrent: torrent.id,
    content: contentFor(content),
  };
  for (const thread of torrent.openOn) engine.order(thread, order);
}

function contentFor({ layout, possession, storage, superSeed }: Content): PeerContent {
  const { pieceCount, pieceLengthBytes, totalLengthBytes, files } = layout;
  const have = possession.haveBuffer;
  const concealed = superSeed !== undefined;
  return { pieceCount, pieceLengthBytes, totalLengthBytes, have, concealed, storage, files };
}
