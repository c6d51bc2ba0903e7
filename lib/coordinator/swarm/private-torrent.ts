// Private torrents (BEP 27): peers come only from one tracker at a time, and from the user.

import type { Engine } from '../engine';
import { isPrivate } from '../state';
import type { TorrentState } from '../state';
import { giveUpDials } from './dialing';
import { closePeer } from './peer-orders';

/** A torrent turned out to be private: addresses from other sources are removed, and their peers closed. */
export function turnedOutPrivate(engine: Engine, torrent: TorrentState): void {
  for (const thread of torrent.openOn)
    engine.order(thread, { type: 'torrent-private', torrent: torrent.id });
  noteAnnounceToAll(engine, torrent);
  const { schedule } = torrent;
  schedule.beExclusive();
  torrent.privateTracker = schedule.current;
  forgetOthers(torrent);
  for (const peer of torrent.peers) {
    if (peer.dialed && torrent.book.isOrphan(peer.dialed.host, peer.dialed.port))
      closePeer(engine, peer, 'private-torrent');
  }
}

/** Warns that `announceToAll` is ignored for a private torrent. */
export function noteAnnounceToAll(engine: Engine, torrent: TorrentState): void {
  if (torrent.options.announceToAll === 'none') return;
  engine.log('warn', 'announceToAll is ignored: a private torrent uses one tracker (BEP 27)', {
    torrent: torrent.infoHash,
  });
}

/**
 * A tracker replied. Returns whether its peers may be used: those of a private torrent only if it is
 * the tracker in use. When that is another one than before, all peers except those of the user are
 * closed.
 */
export function mayUsePeersOf(engine: Engine, torrent: TorrentState, url: string): boolean {
  if (!isPrivate(torrent)) return true;
  if (torrent.schedule.current !== url) return false;
  const former = torrent.privateTracker;
  torrent.privateTracker = url;
  if (former === undefined || former === url) return true;
  engine.log('info', 'the tracker of a private torrent has changed: its peers are left (BEP 27)', {
    torrent: torrent.infoHash,
  });
  const ofUser = [...torrent.peers].filter(
    ({ dialed }) => dialed && torrent.book.isFromUser(dialed.host, dialed.port),
  );
  forgetOthers(torrent);
  for (const peer of torrent.peers)
    if (!ofUser.includes(peer)) closePeer(engine, peer, 'private-torrent');
  return true;
}

function forgetOthers(torrent: TorrentState): void {
  giveUpDials(torrent);
  torrent.book.forgetBut(torrent.privateTracker);
}
