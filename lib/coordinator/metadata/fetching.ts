// The metadata of torrents that were added by a magnet link (BEP 9): it is fetched from peers or read from storage,
// checked by a verify worker, and passed on as the happening `metainfo`. `fetch.ts` decides what is requested from
// which peer, and which peers are banned.

import type { FactOf } from '../../messages/peer-thread';
import type { MetadataOutcome } from '../../messages/verify';
import { ask } from '../engine';
import type { Engine } from '../engine';
import type { Happening } from '../happenings';
import type { Identity } from '../pieces/witness';
import type { Peer, TorrentState } from '../state';
import { banPeer } from '../swarm/banning';
import { loadInfo } from '../torrent/opening';
import { failTorrent } from '../torrent/stopping';
import type { Attempt } from './attempt';
import { MetadataFetch } from './fetch';
import type { MetadataRequest } from './fetch';

type Of<Type extends Happening['type']> = Extract<Happening, { readonly type: Type }>;

/** Called at the start of a run of a torrent whose content is not known. */
export function beginFetch(engine: Engine, torrent: TorrentState): void {
  const { epoch, maxMetadataBytes: maxBytes } = torrent;
  const { metadataRoom: room, metadataCounts: counts } = engine.state;
  torrent.fetch = new MetadataFetch({ maxBytes, room, counts });
  torrent.metadata = torrent.fetch.progress;
  ask(engine, loadInfo(engine, torrent), (answer) => ({
    type: 'metadata-loaded',
    torrent,
    epoch,
    answer,
  }));
}

export function tickFetch(engine: Engine, torrent: TorrentState): void {
  if (torrent.fetch === undefined) return;
  torrent.metadata = torrent.fetch.progress;
  request(engine, torrent.fetch.plan(engine.nowMs()));
}

// ---- facts ----

export function onMetadataOffer(engine: Engine, fact: FactOf<'metadata-offer'>): void {
  const peer = engine.state.peers.get(fact.connection);
  const fetch = peer?.torrent.fetch;
  if (!peer || peer.closing || !fetch) return;
  const { totalBytes } = fact;
  const nowMs = engine.nowMs();
  fetch.offer(peer.identity, totalBytes, nowMs);
  if (totalBytes !== undefined && totalBytes > peer.torrent.maxMetadataBytes)
    warnTooLong(engine, peer, totalBytes);
  request(engine, fetch.plan(nowMs));
}

export function onMetadataPiece(engine: Engine, fact: FactOf<'metadata-piece'>): void {
  const peer = engine.state.peers.get(fact.connection);
  const fetch = peer?.torrent.fetch;
  if (!peer || peer.closing || !fetch) return;
  const nowMs = engine.nowMs();
  peer.lastPayloadMs = nowMs; // Counts as payload, so the peer keeps its place.
  fetch.received(fact.connection, fact.piece, fact.totalBytes, fact.bytes, nowMs);
  const attempt = fetch.takeComplete();
  if (attempt) check(engine, peer.torrent, attempt.bytes, attempt);
  else request(engine, fetch.planFor(fact.connection, nowMs));
}

export function onMetadataRefused(engine: Engine, fact: FactOf<'metadata-refused'>): void {
  const fetch = engine.state.peers.get(fact.connection)?.torrent.fetch;
  if (!fetch) return;
  const nowMs = engine.nowMs();
  fetch.refused(fact.connection, fact.piece, nowMs);
  request(engine, fetch.plan(nowMs));
}

function request(engine: Engine, requests: readonly MetadataRequest[]): void {
  for (const { connection, piece, totalBytes } of requests) {
    const peer = engine.state.peers.get(connection);
    if (peer)
      engine.order(peer.thread, { type: 'request-metadata', connection, piece, totalBytes });
  }
}

function warnTooLong(engine: Engine, { torrent, identity }: Peer, totalBytes: number): void {
  const times = torrent.fetch?.tooLongLog.note(engine.nowMs());
  if (times === undefined) return;
  engine.log('warn', 'a peer announced metadata longer than maxMetadataBytes allows', {
    torrent: torrent.infoHash,
    peer: identity.name,
    announcedBytes: totalBytes,
    maxMetadataBytes: torrent.maxMetadataBytes,
    times,
  });
}

// ---- checking ----

/** Stored metadata of an earlier run was read. */
export function onMetadataLoaded(engine: Engine, { torrent, answer }: Of<'metadata-loaded'>): void {
  if (torrent.fetch === undefined) return;
  if (answer.error) {
    const { message } = answer.error;
    return engine.log('warn', 'the stored metadata cannot be read; peers are asked for it', {
      torrent: torrent.infoHash,
      error: message,
    });
  }
  if (answer.value === undefined) return;
  const info = new SharedArrayBuffer(answer.value.length);
  new Uint8Array(info).set(answer.value);
  check(engine, torrent, info, undefined);
}

/** `attempt`: undefined for metadata that was stored. */
function check(
  engine: Engine,
  torrent: TorrentState,
  info: SharedArrayBuffer,
  attempt: Attempt | undefined,
): void {
  const { epoch, infoHash: sha1 } = torrent;
  const wantPieceDigests =
    attempt !== undefined && torrent.fetch?.isDoubted(attempt.totalBytes) === true;
  const job = { type: 'metadata', info, sha1, wantPieceDigests } as const;
  ask(engine, engine.verify.submit(job, 'live'), (answer) => ({
    type: 'metadata-checked',
    torrent,
    epoch,
    attempt,
    answer,
  }));
}

export function onMetadataChecked(
  engine: Engine,
  { torrent, attempt, answer }: Of<'metadata-checked'>,
): void {
  const { fetch } = torrent;
  if (fetch === undefined) return; // The metadata became known in another way.
  if (answer.error) return failTorrent(engine, torrent, answer.error);
  const { metadata: outcome } = answer.value;
  if (outcome === undefined) return;
  if (outcome.type === 'wrong') return onWrong(engine, torrent, outcome, attempt);
  if (attempt && outcome.pieceDigests)
    ban(engine, torrent, fetch.liars(attempt, outcome.pieceDigests));
  if (outcome.type === 'unusable') {
    const { error } = outcome;
    const message = `the metadata has the right hash, but cannot be used: ${error.message}`;
    return failTorrent(engine, torrent, { ...error, message });
  }
  if (attempt) engine.state.metadataCounts.fetched++;
  else engine.state.metadataCounts.stored++;
  torrent.infoStored = attempt === undefined;
  const { trackers } = torrent;
  engine.happen({ type: 'metainfo', torrent, metainfo: { ...outcome.metainfo, trackers } });
}

function onWrong(
  engine: Engine,
  torrent: TorrentState,
  { pieceDigests }: Extract<MetadataOutcome, { readonly type: 'wrong' }>,
  attempt: Attempt | undefined,
): void {
  const { fetch, infoHash } = torrent;
  if (attempt === undefined)
    return engine.log('warn', 'the stored metadata is damaged; peers are asked for it', {
      torrent: infoHash,
    });
  if (fetch === undefined) return;
  engine.log('info', 'a copy of the metadata has a wrong hash', { torrent: infoHash });
  ban(engine, torrent, fetch.failed(attempt, pieceDigests));
  request(engine, fetch.plan(engine.nowMs()));
}

function ban(engine: Engine, torrent: TorrentState, liars: readonly Identity[]): void {
  for (const liar of liars) {
    engine.state.metadataCounts.liars++;
    banPeer(engine, torrent, liar, 'it sent metadata that failed its hash check');
  }
  for (const { id, closing } of torrent.peers) if (closing) torrent.fetch?.gone(id);
}
