// Bans a source that was proven to send wrong data, for as long as the torrent is in the engine.

import type { Engine } from '../engine';
import type { Identity } from '../pieces/witness';
import type { TorrentState } from '../state';
import { closePeer } from './peer-orders';

/** `why`: worded to follow "peer banned". */
export function banPeer(engine: Engine, torrent: TorrentState, liar: Identity, why: string): void {
  torrent.book.ban(liar.host, liar.port, liar.peerId);
  engine.log('warn', `peer banned: ${why}`, { torrent: torrent.infoHash, peer: liar.name });
  for (const peer of [...torrent.peers])
    if (torrent.book.isBanned(peer.host, peer.port, peer.peerId)) closePeer(engine, peer, 'banned');
}
