// Handles the beginning and end of connections and dials: updates the torrent and the address book,
// and emits events.

import { formatAddress, hostPort } from '../../address/text';
import { toHex } from '../../bytes/hex';
import type { CloseReason } from '../../messages/close-reasons';
import type { EngineEvent } from '../../messages/control';
import type { FactOf } from '../../messages/peer-thread';
import { threadOfConnection } from '../../messages/peer-thread';
import { LOCAL_LIMIT_RETRY_MS, OUR_LACK } from './redial';
import { whyRefuse } from './admission';
import { uncountSource } from '../pieces/availability';
import { voidLeases } from '../pieces/credit';
import type { Engine } from '../engine';
import { giveUpParolesOf } from '../pieces/parole';
import { noteOwnAddress } from './own-addresses';
import { closePeer } from './peer-orders';
import { noteExternalAddress } from './preference';
import { wake } from '../rest';
import { Peer, hasAll, isPrivate } from '../state';
import { addViewer } from './super-seeding';
import type { TorrentState } from '../state';

type PeerClosed = Extract<EngineEvent, { type: 'peer-closed' }>;

export function onConnected(engine: Engine, fact: FactOf<'connected'>): void {
  const { state } = engine;
  const dial = fact.dial === undefined ? undefined : state.dials.get(fact.dial);
  if (fact.dial !== undefined) {
    state.dials.delete(fact.dial);
    dial?.done();
  }
  const torrent = state.torrents.get(fact.torrent);
  const thread = threadOfConnection(fact.connection);
  if (!torrent) {
    engine.order(thread, { type: 'close', connection: fact.connection, reason: 'torrent-closed' });
    countClosed(engine, 'torrent-closed'); // No peer was made for it, so `closed` will not count it.
    return;
  }
  const { connection: id, host, port } = fact;
  const identity = { id, name: hostPort(host, port), host, port, peerId: toHex(fact.peerId) };
  const peer = new Peer(thread, torrent, identity, dial?.address, engine.nowMs());
  peer.answersAll = fact.fast === true;
  const refusal = whyRefuse(engine, torrent, peer);
  enter(engine, peer);
  wake(engine, torrent);
  if (dial) torrent.book.connected(dial.address.host, dial.address.port);
  engine.emit({
    type: 'peer-connected',
    torrent: torrent.id,
    host: peer.host,
    port: peer.port,
    incoming: dial === undefined,
  });
  if (refusal) closePeer(engine, peer, refusal);
  else addViewer(peer);
}

function enter({ state }: Engine, peer: Peer): void {
  state.sources.set(peer.id, peer);
  state.peers.set(peer.id, peer);
  peer.torrent.sources.add(peer);
  peer.torrent.peers.add(peer);
  peer.torrent.exchange.hasChanged = true;
}

function leave({ state }: Engine, peer: Peer): void {
  state.sources.delete(peer.id);
  state.peers.delete(peer.id);
  state.hungry.delete(peer);
  peer.torrent.sources.delete(peer);
  peer.torrent.peers.delete(peer);
  peer.torrent.exchange.hasChanged = true;
  state.departed.note(peer.identity);
}

export function onClosed(engine: Engine, fact: FactOf<'closed'>): void {
  const peer = engine.state.peers.get(fact.connection);
  if (!peer) return;
  forgetPeer(engine, peer, {
    reason: peer.closing ?? fact.reason,
    detail: fact.detail,
    downloadedBytes: fact.downloadedBytes,
    uploadedBytes: fact.uploadedBytes,
  });
}

/**
 * Removes a peer from the coordinator's state, after its `closed` fact or the death of its thread.
 */
export function forgetPeer(
  engine: Engine,
  peer: Peer,
  end: Omit<PeerClosed, 'type' | 'torrent' | 'host' | 'port'>,
): void {
  const { torrent } = peer;
  voidLeases(engine, peer);
  giveUpParolesOf(engine, peer);
  torrent.fetch?.gone(peer.id);
  uncountSource(engine, peer);
  leave(engine, peer);
  torrent.content?.superSeed?.leave(peer.id);
  if (peer.address) {
    const { host, port } = peer.address;
    const useful = end.downloadedBytes > 0 || end.uploadedBytes > 0;
    const { reason } = end;
    const ending = {
      reason,
      useful,
      peerIsSeed: peer.isSeed || peer.uploadOnly,
      weSeed: hasAll(torrent),
    };
    torrent.book.ended(host, port, ending, engine.nowMs());
  }
  emitClosed(engine, torrent.id, { host: peer.host, port: peer.port, ...end });
  if (torrent.peers.size === 0) for (const notify of torrent.onPeersGone.splice(0)) notify();
}

export function onDialFailed(engine: Engine, fact: FactOf<'dial-failed'>): void {
  const dial = engine.state.dials.get(fact.dial);
  if (!dial) return;
  engine.state.dials.delete(fact.dial);
  dial.done();
  if (OUR_LACK.has(fact.reason)) holdDials(engine, fact.detail);
  if (fact.reason === 'self-connection')
    noteOwnAddress(engine, dial.address.host, dial.address.port);
  const torrent = engine.state.torrents.get(dial.torrent);
  if (!torrent) return countClosed(engine, fact.reason);
  const { host, port } = dial.address;
  const { reason, detail } = fact;
  const ending = { reason, useful: false, weSeed: hasAll(torrent) };
  torrent.book.ended(host, port, ending, engine.nowMs());
  const end = { host, port, reason, detail, downloadedBytes: 0, uploadedBytes: 0 };
  emitClosed(engine, torrent.id, end);
}

/** A dial found no free descriptor or no own address; further dials would fail in the same way. */
function holdDials(engine: Engine, detail: string): void {
  const nowMs = engine.nowMs();
  engine.state.noDialsUntilMs = nowMs + LOCAL_LIMIT_RETRY_MS;
  const times = engine.state.shortageLog.note(nowMs);
  if (times !== undefined) engine.log('warn', `no peer can be dialled: ${detail}`, { times });
}

export function onExtendedHandshake(engine: Engine, fact: FactOf<'extended-handshake'>): void {
  const peer = engine.state.peers.get(fact.connection);
  if (!peer) return;
  if (fact.listenPort !== undefined) learnAddress(engine, peer, fact.listenPort);
  const seenAs = fact.yourIp && formatAddress(fact.yourIp);
  // One vote per household, or a single machine could outvote all others.
  if (seenAs !== undefined && peer.share !== undefined)
    noteExternalAddress(engine, seenAs, `peer ${peer.share}`);
  engine.log('debug', 'extended handshake', {
    torrent: peer.torrent.infoHash,
    peer: peer.identity.name,
    client: fact.client,
    reqq: fact.requestQueue,
  });
}

/**
 * The address of an incoming peer is not dialled while it is connected, and may be dialled
 * afterwards.
 */
function learnAddress(engine: Engine, peer: Peer, port: number): void {
  const { host, torrent } = peer;
  peer.listenPort = port;
  torrent.exchange.hasChanged = true;
  if (peer.address || peer.closing) return;
  if (torrent.book.adopt(host, port, engine.nowMs(), isPrivate(torrent)))
    peer.address = { host, port };
}

/** Counts and emits the end of a connection to a torrent's peer, or of a dial. */
function emitClosed(
  engine: Engine,
  torrent: number,
  end: Omit<PeerClosed, 'type' | 'torrent'>,
): void {
  countClosed(engine, end.reason);
  engine.emit({ type: 'peer-closed', torrent, ...end });
}

/**
 * How long to wait for the ends of a torrent's last peers: a peer thread that needs longer hangs.
 */
const LAST_PEERS_DEADLINE_MS = 3_000;

/** Resolves once the ends of all peers of a removed torrent have been emitted. */
export function untilPeersGone(engine: Engine, torrent: TorrentState): Promise<void> {
  if (torrent.peers.size === 0) return Promise.resolve();
  return new Promise((resolve) => {
    const cancel = engine.clock.after(LAST_PEERS_DEADLINE_MS, resolve);
    torrent.onPeersGone.push(() => {
      cancel();
      resolve();
    });
  });
}

/** Counts an end without emitting it: its torrent no longer exists. */
function countClosed(engine: Engine, reason: CloseReason): void {
  count(engine.state.closed, reason);
}

/** An incoming connection ended before its torrent was known. */
export function onRejected(engine: Engine, fact: FactOf<'rejected'>): void {
  const { host, port, reason, detail } = fact;
  count(engine.state.rejected, reason);
  engine.emit({ type: 'peer-rejected', host, port, reason, detail });
  engine.log('debug', 'an incoming connection was refused', { host, port, reason, detail });
}

function count(counts: Map<CloseReason, number>, reason: CloseReason): void {
  counts.set(reason, (counts.get(reason) ?? 0) + 1);
}
