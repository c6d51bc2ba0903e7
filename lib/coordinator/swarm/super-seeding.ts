// Super-seeding (BEP 16): a torrent that alone has its content shows single pieces to its peers, until
// the others have enough copies of all of them. Which piece is shown to whom is decided in
// `picker/super-seed`.

import { SuperSeed } from '../../picker/super-seed';
import type { Engine } from '../engine';
import { isKnown } from '../state';
import { announceUploadOnly } from './joining';
import type { KnownTorrent, Peer, TorrentState } from '../state';
import { transfers } from '../torrent/life';

/** Its user wants a torrent super-seeded, or not any more. */
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
 * Conceals our pieces from peers that connect from now on, if the user wants that and we have all of them. Peers
 * that are connected know them already.
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

/** A peer has connected. It is shown its first pieces when it has told what it has, or with the next tick. */
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

/** A peer has announced pieces: those who were shown them get others. `pieces`: undefined for many. */
export function noteAnnounced(engine: Engine, peer: Peer, pieces?: readonly number[]): void {
  const superSeed = peer.torrent.content?.superSeed;
  if (superSeed === undefined) return;
  const nowMs = engine.nowMs();
  if (pieces === undefined) superSeed.announcedMany(peer.id, (piece) => peer.has(piece), nowMs);
  else for (const piece of pieces) superSeed.announced(peer.id, piece, nowMs);
  if (peer.isSeed) superSeed.noteComplete(peer.peerId);
  showMore(engine, superSeed);
}

/** Is there enough in the swarm, and what does not spread? */
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
