// Finds the peers of a transfer that seem to speak only encrypted connections: they refused our
// plain handshake, or sent an encrypted one, and never used plain text.

import type { Coordinator, Torrent, TorrentEvents } from '../../index';
import { hostPort } from '../../address/text';

/** Most peers remembered, as in an engine's address book: a flood must not fill our memory. */
const MAX_PEERS = 5_000;

export interface EncryptedOnly {
  /** `host:port` of dialled peers; only the host of those that dialled us. */
  readonly peers: readonly string[];
  /** Number of peers that accepted a connection, or made one. */
  readonly reached: number;
}

type PeerClosed = TorrentEvents['peerClosed'][0];
type PeerConnected = TorrentEvents['peerConnected'][0];

/** Watches a transfer; `found` returns the result so far, `stop` ends the watching. */
export function watchEncryption(
  torrent: Pick<Torrent, 'on' | 'off'>,
  coordinator: Pick<Coordinator, 'on' | 'off'>,
): { readonly found: () => EncryptedOnly; readonly stop: () => void } {
  /** For each peer: whether it uses plain text. */
  const dialled = new Map<string, boolean>();
  const incoming = new Map<string, boolean>();
  /** Hosts in `dialled`, which are not counted again when they dial us. */
  const hosts = new Set<string>();
  const note = (peers: Map<string, boolean>, peer: string, talks: boolean): void => {
    if (peers.size < MAX_PEERS || peers.has(peer))
      peers.set(peer, talks || peers.get(peer) === true);
  };
  const noteDialled = (host: string, port: number, talks: boolean): void => {
    note(dialled, hostPort(host, port), talks);
    if (hosts.size < MAX_PEERS) hosts.add(host);
  };
  const onConnected = ({ host, port, incoming: cameIn }: PeerConnected): void => {
    if (cameIn) return note(incoming, host, true);
    noteDialled(host, port, true);
  };
  const onClosed = ({ host, port, reason }: PeerClosed): void => {
    if (reason === 'plain-refused') noteDialled(host, port, false);
  };
  const onRejected = ({ host, reason }: { host: string; reason: string }): void => {
    if (reason === 'encrypted-handshake') note(incoming, host, false);
  };
  torrent.on('peerConnected', onConnected);
  torrent.on('peerClosed', onClosed);
  coordinator.on('peerRejected', onRejected);
  return {
    found: () => {
      // A host that used plain text from any port speaks plain; several peers may share a host.
      const others = [...incoming].filter(([host]) => !hosts.has(host));
      const all = [...dialled, ...others];
      const silent = all.filter(([, talks]) => !talks).map(([peer]) => peer);
      return { peers: silent, reached: all.length };
    },
    stop: () => {
      torrent.off('peerConnected', onConnected);
      torrent.off('peerClosed', onClosed);
      coordinator.off('peerRejected', onRejected);
    },
  };
}
