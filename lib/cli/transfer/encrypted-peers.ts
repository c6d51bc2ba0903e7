// Which peers of a transfer seem to speak only encrypted connections: they refused our plain handshake,
// or opened with an encrypted one, and never talked in plain.

import type { Coordinator, Torrent, TorrentEvents } from '../../index';
import { hostPort } from '../../address/text';

/** As many as an engine knows of one torrent: a flood must not fill our memory. */
const MAX_PEERS = 5_000;

export interface EncryptedOnly {
  /** `host:port` of those that were dialled, the host alone of those that dialled us. */
  readonly peers: readonly string[];
  /** All peers that took a connection, or made one. */
  readonly reached: number;
}

type PeerClosed = TorrentEvents['peerClosed'][0];
type PeerConnected = TorrentEvents['peerConnected'][0];

/** Watches a transfer; `found` says what was seen till now, `stop` ends the watching. */
export function watchEncryption(
  torrent: Pick<Torrent, 'on' | 'off'>,
  coordinator: Pick<Coordinator, 'on' | 'off'>,
): { readonly found: () => EncryptedOnly; readonly stop: () => void } {
  /** Of each peer: whether it talks in plain. */
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
      // A host that came in plain, from whichever port, speaks plain; on one host there may be several.
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
