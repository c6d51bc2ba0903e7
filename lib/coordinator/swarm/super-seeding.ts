// Super-seeding (BEP 16): the only seed of a torrent shows its peers single pieces, until the others have
// enough copies of all pieces. `picker/super-seed` decides which piece is shown to which peer.

import { SuperSeed } from '../../picker/super-seed';
import type { Engine } from '../engine';
import { isKnown } from '../state';
import { announceUploadOnly } from './joining';
import type { KnownTorrent, Peer, TorrentState } from '../state';
import { transfers } from '../torrent/life';

/** The user begins or ends super-seeding of a torrent. */
export function setSuperSeed(engine: Engine, torrent: TorrentState, on: boolean): void {
  torrent.superSeed = on;
  announceUploadOnly(engine, torrent);
  if (!isKnown(torrent)) return;
  if (!on) return stopSuperSeeding(engine, torrent);
  if (torrent.content.superSeed !== undefined) return;
  beginSuperSeeding(engine, torrent);
  if (torrent.content.superSeed !== undefined) orderConceal(engine, torrent, true);
}

/**
 * Begins to conceal our pieces from peers that connect from now on, if the user wants super-seeding and the
 * torrent is complete. Connected peers know our pieces already.
 */
export function beginSuperSeeding(engine: Engine, torrent: KnownTorrent): void {
  const { content, phase } = torrent;
  const { picker, hasAll } = content.possession;
  content.superSeed = undefined;
  if (!torrent.superSeed || phase !== 'seeding' || !hasAll) return;
  const { pieceCount, pieceLengthBytes } = content.layout;
  content.superSeed = new SuperSeed({
    pieceCount,
    pieceLengthBytes,
    copiesOf: (piece) => picker.availability(piece),
    random: () => engine.random(),
  });
  engine.turn.stats.add(torrent);
}

/** A peer has connected. It is shown its first pieces once it has announced its own, or on the next tick. */
export function addViewer(peer: Peer): void {
  const { content } = peer.torrent;
  if (content?.superSeed === undefined) return;
  const { id } = peer;
  content.superSeed.join({
    id,
    has: (piece) => peer.has(piece),
    get lastTookMs() {
      return peer.lastPayloadMs;
    },
  });
}

/** A peer has announced pieces: peers that were shown these get others. `pieces`: undefined for many. */
export function noteAnnounced(engine: Engine, peer: Peer, pieces?: readonly number[]): void {
  const superSeed = peer.torrent.content?.superSeed;
  if (superSeed === undefined) return;
  const nowMs = engine.nowMs();
  if (pieces === undefined) superSeed.announcedMany(peer.id, (piece) => peer.has(piece), nowMs);
  else for (const piece of pieces) superSeed.announced(peer.id, piece, nowMs);
  if (peer.isSeed) superSeed.noteComplete(peer.peerId);
  showMore(engine, superSeed);
}

/** Called on ticks: ends super-seeding once there are enough copies, and handles pieces that do not spread. */
export function tickSuperSeed(engine: Engine, torrent: KnownTorrent): void {
  const { superSeed } = torrent.content;
  if (superSeed === undefined) return;
  if (superSeed.isOver) return setSuperSeed(engine, torrent, false);
  superSeed.endLate(engine.nowMs());
  showMore(engine, superSeed);
}

function stopSuperSeeding(engine: Engine, torrent: KnownTorrent): void {
  if (torrent.content.superSeed === undefined) return;
  torrent.content.superSeed = undefined;
  orderConceal(engine, torrent, false);
  engine.turn.stats.add(torrent);
}

function showMore(engine: Engine, superSeed: SuperSeed): void {
  for (const { peer, piece } of superSeed.next(engine.nowMs())) {
    const thread = engine.state.peers.get(peer)?.thread;
    if (thread !== undefined) engine.order(thread, { type: 'reveal', connection: peer, piece });
  }
}

function orderConceal(engine: Engine, torrent: TorrentState, concealed: boolean): void {
  const { id, openOn, life } = torrent;
  if (!transfers(life)) return; // No thread knows its content.
  for (const thread of openOn) engine.order(thread, { type: 'conceal', torrent: id, concealed });
}
