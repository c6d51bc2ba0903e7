// What holds in the coordinator's books after every step, whatever happened before.

import { expect } from 'chai';
import { committedBytesOf } from '../../lib/coordinator/pieces/pieces';
import { isKnown } from '../../lib/coordinator/state';
import type { KnownTorrent, TorrentState } from '../../lib/coordinator/state';
import { isInSwarm } from '../../lib/coordinator/torrent/life';
import type { DeskTorrent } from './sim-desk';
import type { SimEngine } from './sim-engine';

/** Memory, leases, peers, dials and ticks of an engine. */
export function expectBalance(engine: SimEngine): void {
  const { state } = engine;
  let attached = 0;
  for (const torrent of state.torrents.values()) {
    expectPeers(engine, torrent);
    if (!isKnown(torrent)) {
      expectUnknown(torrent);
      continue;
    }
    expect(torrent.learnt, 'its content has the metainfo').to.equal(undefined);
    attached += expectPieces(engine, torrent);
    expectUse(torrent);
    expectPhase(torrent);
  }
  const fetching = [...state.torrents.values()].filter(({ fetch }) => fetch !== undefined);
  for (const { phase } of fetching)
    expect(phase, 'what is known is not fetched').to.equal('metadata');
  if (fetching.length === 0)
    expect(state.metadataRoom.usedBytes, 'room for metadata is given back').to.equal(0);
  const { slab } = state;
  expect(slab.freeUnits + slab.quarantinedUnits + attached).to.equal(engine.table.unitCount);
  for (const peer of state.peers.values()) {
    expect(state.sources.get(peer.id), 'a peer is a source').to.equal(peer);
    expect(peer.torrent.peers.has(peer)).to.equal(true);
    const isLeft = state.torrents.get(peer.torrent.id) !== peer.torrent;
    expect(isLeft && peer.closing === undefined, 'it leaves with its torrent').to.equal(false);
  }
  for (const source of state.hungry)
    expect(state.sources.get(source.id), 'who is hungry is there').to.equal(source);
  for (const source of state.sources.values())
    expect(state.downThreads.has(source.thread), 'no source of a dead thread').to.equal(false);
  const failures = engine.logs.filter(({ message }) => message.includes('could not be handled'));
  expect(failures, 'everything is handled').to.deep.equal([]);
  expectTicks(engine);
  const { turn } = engine;
  expect([turn.feed, turn.stats.size, turn.rechoke.size], 'turns end').to.deep.equal([false, 0, 0]);
}

/** Who has something to do, or will have, is looked at then. */
function expectTicks({ state, clockMs, tickAtMs }: SimEngine): void {
  if (state.closing) return;
  for (const { restUntilMs = clockMs } of state.torrents.values())
    expect(tickAtMs, 'the next tick').to.be.at.most(Math.max(restUntilMs, clockMs));
}

/** Returns how many units of the slab the pieces have. */
function expectPieces({ state }: SimEngine, torrent: KnownTorrent): number {
  const { active, open, filled } = torrent.content;
  let committed = 0;
  let attached = 0;
  for (const piece of active.values()) {
    committed += committedBytesOf(piece.lengthBytes);
    attached += piece.units.filter((unit) => unit !== -1).length;
    let leases = 0;
    for (const source of torrent.sources)
      for (const lease of source.leases) if (lease.piece === piece) leases++;
    expect(piece.holders, 'holders are leases').to.equal(leases);
    if (piece.verifying) expect(leases, 'nobody writes while it is verified').to.equal(0);
    else expect(piece.blocks.missingBlocks, 'a full piece is verified').to.be.above(0);
    if (!piece.verifying && piece.blocks.freeBlocks > 0)
      expect(open.has(piece), 'free blocks can be found').to.equal(true);
  }
  expect(state.budget.committedOf(torrent.id)).to.equal(committed);
  for (const piece of open) expect(active.get(piece.blocks.piece)).to.equal(piece);
  for (const piece of filled) expect(piece.verifying, 'who waits is full').to.equal(true);
  return attached;
}

function expectPeers(engine: SimEngine, torrent: TorrentState): void {
  const { state } = engine;
  let dials = torrent.waitingDials.size;
  for (const dial of state.dials.values()) if (dial.torrent === torrent.id) dials++;
  expect(torrent.dialing, 'dials under way').to.equal(dials);
  for (const peer of torrent.peers) expect(state.peers.get(peer.id)).to.equal(peer);
  for (const source of torrent.sources) {
    expect(state.sources.get(source.id)).to.equal(source);
    // A source that answers every request keeps its leases over a choke (BEP 6).
    if (source.leases.length > 0 && !source.answersAll)
      expect(source.choked, 'leases of a choking source').to.equal(false);
    let leased = 0;
    for (const lease of source.leases) {
      expect(torrent.content?.active.get(lease.piece.blocks.piece)).to.equal(lease.piece);
      expect(lease.generation).to.equal(lease.piece.generation);
      leased += lease.blockCount;
    }
    // Those of older epochs are kept if each request is answered.
    if (!source.answersAll || source.epoch === 0)
      expect(leased, 'leases are paid for').to.be.at.most(source.leasedBlocks);
    expect(source.leasedBlocks).to.be.at.most(source.creditBlocks);
    expect(source.haveCount, 'pieces of a source').to.equal(source.bits.count());
    const isSeed = isKnown(torrent) && source.haveCount === source.bits.length;
    expect(source.isSeed).to.equal(isSeed);
  }
  if (torrent.restUntilMs !== undefined)
    expect(torrent.peers.size + torrent.dialing, 'peers of a torrent at rest').to.equal(0);
}

/** Nothing is leased of a torrent whose content is not known, and what was learnt is opened. */
function expectUnknown({ life, sources, learnt, opening }: TorrentState): void {
  expect(life.phase).to.be.oneOf(['metadata', 'paused', 'failed', 'closed']);
  for (const { leases, bits } of sources)
    expect([leases.length, bits.length], 'leases and pieces').to.deep.equal([0, 0]);
  if (life.phase === 'metadata')
    expect(opening, 'what was learnt is opened').to.equal(learnt !== undefined);
  if ('step' in life && life.step === 'rest') expect(opening, 'it is at rest').to.equal(false);
}

function expectUse({ sources, content }: KnownTorrent): void {
  for (const { closing, usefulPieces, bits } of sources)
    if (closing === undefined)
      expect(usefulPieces, 'what is useful of a source').to.equal(
        content.possession.countLacking(bits),
      );
}

/** Each phase holds what belongs to it, and nothing else. */
function expectPhase(torrent: KnownTorrent): void {
  const { life } = torrent;
  const { possession, active, jobsOut } = torrent.content;
  const isAtWork = life.phase === 'downloading' || life.phase === 'seeding';
  if (!isAtWork) {
    if (!isInSwarm(life)) expect(torrent.waitingDials.size, `dials of ${life.phase}`).to.equal(0);
    for (const piece of active.values())
      expect(piece.verifying, `a piece of ${life.phase} is with a worker`).to.equal(true);
    for (const source of torrent.sources)
      expect(source.leases.length, `leases of ${life.phase}`).to.equal(0);
  }
  if (life.phase === 'downloading')
    expect(possession.hasAllWanted && !possession.hasNews, 'a whole one goes on').to.equal(false);
  if (life.phase === 'seeding' || life.phase === 'complete')
    expect(active.size, `pieces of ${life.phase}`).to.equal(0);
  if ((life.phase === 'paused' || life.phase === 'failed') && life.step === 'rest') {
    expect(jobsOut, 'jobs of a run that has ended').to.equal(0);
    expect(possession.durability.syncing, 'a sync of a run that has ended').to.equal(false);
  }
}

/** Nothing is called good, or durable, that is not stored. */
export function expectTruth({ state, content, stored, metainfo }: DeskTorrent): void {
  const { have, durability, donePieces } = state.content.possession;
  expect(donePieces).to.equal(have.count());
  for (let piece = have.nextSet(0); piece !== -1; piece = have.nextSet(piece + 1)) {
    const start = piece * metainfo.pieceLengthBytes;
    const end = start + metainfo.pieceLengthBytes;
    const isStored = content.subarray(start, end).equals(stored.subarray(start, end));
    expect(isStored, `piece ${piece} is stored`).to.equal(true);
  }
  const { durable } = durability;
  for (let piece = durable.nextSet(0); piece !== -1; piece = durable.nextSet(piece + 1))
    expect(have.get(piece), `piece ${piece} is durable and had`).to.equal(true);
}
