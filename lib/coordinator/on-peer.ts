// What peers do and what follows: connections open and close, announce pieces, choke and unchoke, ask for
// leases and finish them.

import { hostPort } from '../address/text';
import { Bitfield } from '../bytes/bitfield';
import type { CloseReason } from '../messages/close-reasons';
import type { PeerFact } from '../messages/peer-thread';
import { threadOfConnection } from '../messages/peer-thread';
import { toHex } from '../bytes/hex';
import { LOCAL_LIMIT_RETRY_MS } from './address-book';
import { whyRefuse } from './admission';
import { countSource, uncountSource } from './counting';
import { countClosed, tellClosed } from './endings';
import type { Engine } from './engine';
import { feedSource } from './leasing';
import { giveUpParole, onFilled, settle } from './pieces';
import { wake } from './rest';
import { Peer } from './state';
import type { Source } from './state';

type Fact<Type extends PeerFact['type']> = Extract<PeerFact, { type: Type }>;

export function onConnected(engine: Engine, fact: Fact<'connected'>): void {
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
    countClosed(engine, 'torrent-closed'); // its peer is forgotten by the time this fact comes
    return;
  }
  const { connection: id, host, port } = fact;
  const identity = { id, name: hostPort(host, port), host, port, peerId: toHex(fact.peerId) };
  const peer = new Peer(thread, torrent, identity, dial?.address, engine.nowMs());
  const refusal = whyRefuse(engine, torrent, peer, closePeer);
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
}

function enter({ state }: Engine, peer: Peer): void {
  state.sources.set(peer.id, peer);
  state.peers.set(peer.id, peer);
  peer.torrent.sources.add(peer);
  peer.torrent.peers.add(peer);
}

function leave({ state }: Engine, peer: Peer): void {
  state.sources.delete(peer.id);
  state.peers.delete(peer.id);
  state.hungry.delete(peer);
  peer.torrent.sources.delete(peer);
  peer.torrent.peers.delete(peer);
  state.departed.note(peer.identity);
}

/** Asks the thread to close a peer; until its `closed` fact comes, the peer gets nothing more. */
export function closePeer(engine: Engine, peer: Peer, reason: CloseReason): void {
  if (peer.closing) return;
  peer.closing = reason;
  engine.order(peer.thread, { type: 'close', connection: peer.id, reason });
}

export function onClosed(engine: Engine, fact: Fact<'closed'>): void {
  const peer = engine.state.peers.get(fact.connection);
  if (!peer) return;
  forgetPeer(engine, peer, {
    reason: peer.closing ?? fact.reason,
    detail: fact.detail,
    downloadedBytes: fact.downloadedBytes,
    uploadedBytes: fact.uploadedBytes,
  });
}

/** The end of a peer in the coordinator's books, whether it said so or its thread died. */
export function forgetPeer(
  engine: Engine,
  peer: Peer,
  end: {
    readonly reason: CloseReason;
    readonly detail: string;
    readonly downloadedBytes: number;
    readonly uploadedBytes: number;
  },
): void {
  const { torrent } = peer;
  voidLeases(engine, peer);
  giveUpParoles(engine, peer);
  uncountSource(engine, peer);
  leave(engine, peer);
  if (peer.address) {
    const { host, port } = peer.address;
    const useful = end.downloadedBytes > 0 || end.uploadedBytes > 0;
    const { reason } = end;
    const weSeed = torrent.phase === 'seeding';
    const ending = { reason, useful, peerIsSeed: peer.isSeed, weSeed };
    torrent.book.ended(host, port, ending, engine.nowMs());
  }
  tellClosed(engine, torrent.id, { host: peer.host, port: peer.port, ...end });
  if (torrent.peers.size === 0) for (const tell of torrent.onPeersGone.splice(0)) tell();
}

export function onDialFailed(engine: Engine, fact: Fact<'dial-failed'>): void {
  const dial = engine.state.dials.get(fact.dial);
  if (!dial) return;
  engine.state.dials.delete(fact.dial);
  dial.done();
  if (fact.reason === 'local-limit') holdDials(engine, fact.detail);
  const torrent = engine.state.torrents.get(dial.torrent);
  if (!torrent) return countClosed(engine, fact.reason);
  const { host, port } = dial.address;
  const { reason, detail } = fact;
  const weSeed = torrent.phase === 'seeding';
  torrent.book.ended(host, port, { reason, useful: false, weSeed }, engine.nowMs());
  const end = { host, port, reason, detail, downloadedBytes: 0, uploadedBytes: 0 };
  tellClosed(engine, torrent.id, end);
}

/** A dial had no descriptor: nor would the next ones. */
function holdDials(engine: Engine, detail: string): void {
  const nowMs = engine.nowMs();
  engine.state.noDialsUntilMs = nowMs + LOCAL_LIMIT_RETRY_MS;
  const times = engine.state.lackSaid.happened(nowMs);
  if (times !== undefined) engine.log('warn', `no peer can be dialled: ${detail}`, { times });
}

export function onBitfield(engine: Engine, fact: Fact<'peer-bitfield'>): void {
  const peer = engine.state.peers.get(fact.connection);
  if (!peer) return;
  const { torrent } = peer;
  uncountSource(engine, peer);
  peer.bits = new Bitfield(torrent.metainfo.pieceCount, fact.bits);
  peer.haveCount = peer.bits.count();
  countSource(engine, peer);
  peer.usefulPieces = torrent.possession.countLacking(peer.bits);
  afterNews(engine, peer);
}

export function onHave(engine: Engine, fact: Fact<'peer-have'>): void {
  const peer = engine.state.peers.get(fact.connection);
  if (!peer || peer.isSeed) return;
  const { torrent } = peer;
  for (const piece of fact.pieces) {
    if (peer.bits.get(piece)) continue;
    peer.bits.set(piece);
    peer.haveCount++;
    if (peer.pieces) torrent.availability.noteHave(peer.pieces, piece);
    if (torrent.possession.lacks(piece)) peer.usefulPieces++;
  }
  if (!peer.pieces || peer.haveCount === peer.bits.length) {
    uncountSource(engine, peer);
    countSource(engine, peer);
  }
  afterNews(engine, peer);
}

function afterNews(engine: Engine, peer: Peer): void {
  updateInterest(engine, peer);
  feedSource(engine, peer);
  closeIfUseless(engine, peer);
}

/** Updates whether we are interested in the peer; only changes are sent. */
export function updateInterest(engine: Engine, peer: Peer): void {
  const interested = peer.usefulPieces > 0 && peer.torrent.phase === 'downloading';
  if (peer.weAreInterested === interested || peer.closing) return;
  peer.weAreInterested = interested;
  engine.order(peer.thread, { type: 'interest', connection: peer.id, interested });
}

/** Two seeds have nothing to say to each other. */
export function closeIfUseless(engine: Engine, peer: Peer): void {
  if (peer.isSeed && peer.torrent.phase === 'seeding') closePeer(engine, peer, 'not-useful');
}

export function onPeerChoke(engine: Engine, fact: Fact<'peer-choke'>): void {
  const peer = engine.state.peers.get(fact.connection);
  if (!peer) return;
  peer.choked = fact.choked;
  if (fact.choked) {
    voidLeases(engine, peer);
    peer.epoch = fact.epoch;
    peer.creditBlocks = 0;
    peer.leasedBlocks = 0;
    engine.state.hungry.delete(peer);
  } else {
    engine.state.budget.setActive(peer.torrent.id, peer.torrent.phase === 'downloading');
  }
}

/** All that was leased to the source goes back to the picker. */
function voidLeases(engine: Engine, source: Source): void {
  for (let lease = source.leases[0]; lease; lease = source.leases[0]) {
    if (settle(engine, source, lease)) onFilled(engine, lease.piece);
  }
}

/** Pieces on parole that only this source might fill, and that it never will. */
function giveUpParoles(engine: Engine, source: Source): void {
  for (const piece of [...source.torrent.open]) {
    if (piece.sole === source.id) giveUpParole(engine, piece);
  }
}

export function onInterest(engine: Engine, fact: Fact<'peer-interest'>): void {
  const peer = engine.state.peers.get(fact.connection);
  if (!peer) return;
  peer.theyAreInterested = fact.interested;
  // A flooder's changes of mind must not use up the rechokes that others wait for.
  if (peer.uploadStalled) engine.tickBy(engine.nowMs());
  else engine.turn.rechoke.add(peer.torrent);
}

export function onUploadStalled(engine: Engine, fact: Fact<'upload-stalled'>): void {
  const peer = engine.state.peers.get(fact.connection);
  if (!peer) return;
  peer.uploadStalled = fact.stalled;
  engine.turn.rechoke.add(peer.torrent);
}

export function onExtendedHandshake(engine: Engine, fact: Fact<'extended-handshake'>): void {
  const peer = engine.state.peers.get(fact.connection);
  if (!peer) return;
  peer.client = fact.client;
  if (fact.listenPort !== undefined) learnAddress(engine, peer, fact.listenPort);
  engine.log('debug', 'extended handshake', {
    peer: peer.identity.name,
    client: fact.client,
    reqq: fact.requestQueue,
  });
}

/** An incoming peer is dialled no second time while it stays, and may be dialled once it is gone. */
function learnAddress(engine: Engine, peer: Peer, port: number): void {
  const { host, torrent } = peer;
  if (peer.address || peer.closing) return;
  if (torrent.book.adopt(host, port, engine.nowMs())) peer.address = { host, port };
}

export function onAppetite(engine: Engine, fact: Fact<'appetite'>): void {
  const source = engine.state.sources.get(fact.connection);
  if (!source || fact.epoch !== source.epoch || source.choked) return;
  source.creditBlocks = fact.creditBlocks;
  source.rateBytesPerSec = fact.rateBytesPerSec;
  feedSource(engine, source);
}

export function onLeaseEnd(
  engine: Engine,
  fact: Fact<'lease-done'> | Fact<'lease-returned'>,
): void {
  const source = engine.state.sources.get(fact.connection);
  if (!source || fact.epoch !== source.epoch) return;
  let firstBlock = fact.firstBlock;
  const end = fact.firstBlock + fact.blockCount;
  // The run may span several leases of the same piece: each takes its part.
  while (firstBlock < end) {
    const lease = source.leases.find(
      (candidate) =>
        candidate.piece.blocks.piece === fact.piece &&
        candidate.generation === fact.generation &&
        firstBlock >= candidate.firstBlock &&
        firstBlock < candidate.firstBlock + candidate.blockCount,
    );
    if (!lease) return; // Recalled meanwhile.
    const blockCount = Math.min(end, lease.firstBlock + lease.blockCount) - firstBlock;
    const full = settle(engine, source, lease, firstBlock, blockCount);
    if (full) onFilled(engine, lease.piece);
    firstBlock += blockCount;
  }
  if (fact.type === 'lease-returned') giveUpIdleParole(engine, source, fact.piece);
}

/** The one source that a piece on parole waits for gave all of it back and brought nothing: it is silent. */
function giveUpIdleParole(engine: Engine, source: Source, index: number): void {
  const piece = source.torrent.active.get(index);
  if (piece?.sole !== source.id || piece.verifying || piece.holders > 0) return;
  const { missingBlocks, blockCount } = piece.blocks;
  if (missingBlocks === blockCount) giveUpParole(engine, piece);
}

/** Rows of four: connection, bytes in, bytes out, wasted bytes. */
export function onTraffic(engine: Engine, fact: Fact<'traffic'>): void {
  const nowMs = engine.nowMs();
  for (let row = 0; row + 3 < fact.rows.length; row += 4) {
    const source = engine.state.sources.get(fact.rows[row] ?? -1);
    if (!source) continue;
    const downloadedBytes = fact.rows[row + 1] ?? 0;
    const uploadedBytes = fact.rows[row + 2] ?? 0;
    const { torrent } = source;
    source.lastPayloadMs = nowMs;
    source.downloadedBytes += downloadedBytes;
    source.uploadedBytes += uploadedBytes;
    torrent.downloadedBytes += downloadedBytes;
    torrent.uploadedBytes += uploadedBytes;
    torrent.wastedBytes += fact.rows[row + 3] ?? 0;
    torrent.downloadRate.add(downloadedBytes, nowMs);
    torrent.uploadRate.add(uploadedBytes, nowMs);
  }
}
