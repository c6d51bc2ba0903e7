// Sums of an account, and how the coordinator keeps it through pauses and the last sync.

import { expect } from 'chai';
import { Account } from '../../../lib/coordinator/account/account';
import { engineAccount, torrentAccount } from '../../../lib/coordinator/account/accounting';
import { HISTOGRAM_BUCKETS } from '../../../lib/messages/account';
import type { TransferAccount } from '../../../lib/messages/account';
import { SimDesk } from '../../support/sim-desk';
import type { DeskTorrent } from '../../support/sim-desk';
import { settled } from '../../support/sim-engine';
import { KIB } from '../../support/sim-torrent';
import { runVerifyJob } from '../../support/sim-verify';

const NOW = { bytesInFlight: 0, verifyQueue: { pieces: 0, bytes: 0, jobs: 0 } };
const TORRENT = { totalLengthBytes: 256 * KIB, pieceLengthBytes: 64 * KIB };

function sumOf({ seconds }: TransferAccount): number {
  return Object.values(seconds).reduce((sum, sec) => sum + sec, 0);
}

describe('coordinator/account', () => {
  it('names the largest part, and nothing before a second has passed', () => {
    const account = new Account();
    account.charge('peers', 0.25, 'fill');
    account.charge('network', 0.5, 'fill');
    expect(account.snapshot(NOW).limit).to.equal(undefined);
    account.charge('network', 0.25, 'fill');
    const limit = { what: 'network', behind: undefined, share: 0.75 };
    expect(account.snapshot(NOW).limit).to.deep.equal(limit);
  });

  it('splits the time spent behind the verify threads by what their next jobs spend', () => {
    const account = new Account();
    account.charge('memory', 2, 'verify');
    account.attribute(account);
    expect(account.snapshot(NOW).memoryBehind).to.deep.equal({ hash: 0, write: 0, fill: 0 });
    expect(account.snapshot(NOW).limit?.behind).to.equal(undefined);
    account.noteJob(250, 750);
    account.attribute(account);
    expect(account.snapshot(NOW).memoryBehind).to.deep.equal({ hash: 0.5, write: 1.5, fill: 0 });
    // Reported time is not reported again: the next second is split by the next job alone.
    account.charge('memory', 1, 'verify');
    account.noteJob(250, 250);
    account.attribute(account);
    account.charge('memory', 3, 'fill');
    expect(account.snapshot(NOW).memoryBehind).to.deep.equal({ hash: 1, write: 2, fill: 3 });
    expect(account.snapshot(NOW).limit).to.deep.equal({ what: 'memory', behind: 'fill', share: 1 });
  });

  it('names what fills the memory where memory is the limit, and nothing behind any other', () => {
    const account = new Account();
    account.charge('memory', 1, 'fill');
    account.charge('network', 2, 'fill');
    const { memoryBehind, limit } = account.snapshot(NOW);
    expect(memoryBehind).to.deep.equal({ hash: 0, write: 0, fill: 1 });
    expect(limit).to.deep.equal({ what: 'network', behind: undefined, share: 2 / 3 });
  });

  it('counts jobs in powers of two of a millisecond', () => {
    const account = new Account();
    for (const ms of [0, 0.2499, 0.25, 0.4999, 0.5, 1, 3.9, 4096, 1e9]) account.noteJob(ms, 0);
    const { hashMs, writeMs, work } = account.snapshot(NOW);
    const at = (...buckets: readonly (readonly [number, number])[]): number[] => {
      const counts = new Array<number>(HISTOGRAM_BUCKETS).fill(0);
      for (const [bucket, count] of buckets) counts[bucket] = count;
      return counts;
    };
    expect(hashMs).to.deep.equal(at([0, 2], [1, 2], [2, 1], [3, 1], [4, 1], [15, 2]));
    expect(writeMs).to.deep.equal(at([0, 9]));
    expect(work.writeSec).to.equal(0);
  });

  it('a pause is not counted, and what was counted before it stays', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TORRENT);
    for (let n = 0; n < 8; n++) engine.pass(250);
    await desk.control.pause(torrent.state.id);
    expect(torrentAccount(engine, torrent.state).seconds.peers).to.equal(2);
    for (let n = 0; n < 8; n++) engine.pass(1000);
    engine.happen({ type: 'resume', torrent: torrent.state });
    await desk.answerJobs();
    for (let n = 0; n < 4; n++) engine.pass(250);
    await desk.control.pause(torrent.state.id);
    expect(sumOf(torrentAccount(engine, torrent.state))).to.equal(3);
  });

  it('choked, then unchoked: the time since the last tick has the label of this one', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TORRENT);
    const peer = desk.connect(torrent, { unchoke: false });
    engine.pass(250);
    engine.pass(250);
    engine.facts({ type: 'peer-choke', connection: peer, choked: false, epoch: 0 });
    engine.pass(250);
    const { seconds } = torrentAccount(engine, torrent.state);
    expect(seconds).to.include({ unchoke: 0.5, network: 0.25, peers: 0 });
  });

  it('a thread without rest: cpu, and no more once its peers have gone to rest', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TORRENT);
    const peer = desk.connect(torrent, { creditBlocks: 4 });
    engine.facts({ type: 'load', busy: 0.95, rows: [peer, 65_536, 1000, 0] });
    engine.pass(250);
    expect(torrentAccount(engine, torrent.state)).to.deep.include({ bytesInFlight: 65_536 });
    engine.facts({ type: 'load', busy: 0.3, rows: [] });
    engine.pass(500);
    const account = torrentAccount(engine, torrent.state);
    expect(account.seconds).to.include({ cpu: 0.25, network: 0.5 });
    expect(account.bytesInFlight).to.equal(0);
  });

  it('a thread that died owes no report: the one in its place has not begun', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TORRENT);
    const peer = desk.connect(torrent, { creditBlocks: 4 });
    engine.facts({ type: 'load', busy: 0.1, rows: [peer, 65_536, 1000, 0] });
    desk.threadDies(0);
    desk.threadIsBack(0);
    desk.connect(torrent, { creditBlocks: 4 });
    engine.pass(1000);
    expect(torrentAccount(engine, torrent.state).seconds).to.include({ network: 1, cpu: 0 });
    engine.logs.length = 0;
  });

  it('a thread that has no time to report has no rest', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TORRENT);
    const peer = desk.connect(torrent, { creditBlocks: 4 });
    engine.facts({ type: 'load', busy: 0.1, rows: [peer, 65_536, 1000, 0] });
    for (let n = 0; n < 4; n++) engine.pass(250);
    const { seconds } = torrentAccount(engine, torrent.state);
    expect(seconds).to.include({ network: 0.5, cpu: 0.5 });
  });

  it('the last sync counts as writing; seeding counts as nothing', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TORRENT);
    const peer = desk.connect(torrent, { creditBlocks: 16, rateBytesPerSec: 1e6 });
    engine.pass(250);
    for (const lease of desk.leases(peer)) desk.deliver(lease);
    await settled();
    expect(torrentAccount(engine, torrent.state).verifyQueue.pieces).to.equal(4);
    await verifyPieces(desk, torrent);
    expect(torrent.state.phase).to.equal('seeding');
    const before = torrentAccount(engine, torrent.state).memoryBehind.write;
    engine.pass(3000);
    expect(torrentAccount(engine, torrent.state).memoryBehind.write).to.equal(before + 3);
    await desk.answerJobs();
    const whole = sumOf(torrentAccount(engine, torrent.state));
    engine.pass(1000);
    expect(sumOf(torrentAccount(engine, torrent.state))).to.equal(whole);
  });

  it('all here and being verified: behind the verify threads, though others fill the memory', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TORRENT);
    const other = await desk.add({
      totalLengthBytes: 2048 * KIB,
      pieceLengthBytes: 64 * KIB,
      seed: 2,
    });
    desk.connect(other, { creditBlocks: 128, rateBytesPerSec: 1e6 });
    const peer = desk.connect(torrent, { creditBlocks: 16, rateBytesPerSec: 1e6 });
    for (const lease of desk.leases(peer)) desk.deliver(lease);
    await settled();
    expect(engine.state.budget.committedBytes).to.be.above(1024 * KIB);
    engine.pass(250);
    expect(torrent.state.account).to.include({ limit: 'memory', behind: 'verify' });
  });

  it("the engine's account outlives its torrents", async () => {
    const { desk, engine, torrent } = await SimDesk.with(TORRENT);
    engine.pass(2000);
    const removed = desk.control.remove(torrent.state.id, false);
    await desk.answerJobs();
    await removed;
    expect(engineAccount(engine).seconds.peers).to.equal(2);
    expect(engineAccount(engine).limit).to.include({ what: 'peers', share: 1 });
  });
});

/** Answers the jobs that carry pieces, and leaves the sync that follows them waiting. */
async function verifyPieces({ engine }: SimDesk, { stored }: DeskTorrent): Promise<void> {
  for (;;) {
    const jobs = engine.jobs.filter(({ job }) => job.type === 'pieces');
    if (jobs.length === 0) return;
    engine.jobs = engine.jobs.filter(({ job }) => job.type !== 'pieces');
    for (const { job, resolve } of jobs) resolve(runVerifyJob(job, engine.slab.bytes, stored));
    await settled();
  }
}
