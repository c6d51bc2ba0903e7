// What is charged for the time between two looks: the figures of sources, memory and verify jobs as
// a torrent has them.

import { expect } from 'chai';
import { engineAccount, torrentAccount } from '../../../lib/coordinator/account/accounting';
import { closePeer } from '../../../lib/coordinator/swarm/peer-orders';
import { SESSION_LIMIT } from '../../../lib/messages/account';
import type { TransferAccount } from '../../../lib/messages/account';
import { SimDesk } from '../../support/sim-desk';
import type { DeskTorrent } from '../../support/sim-desk';
import { settled } from '../../support/sim-engine';
import { KIB } from '../../support/sim-torrent';

const PIECE = 64 * KIB;
const TORRENT = { totalLengthBytes: 16 * PIECE, pieceLengthBytes: PIECE };
/** Memory for two pieces. */
const TIGHT = { settings: { memoryBytes: 2 * PIECE } };
const { farSide, depth, leases } = SESSION_LIMIT;

/** A report of all these connections: bytes in flight, bytes in, what limits each. */
function report(
  desk: SimDesk,
  rows: readonly (readonly [number, number, number, number])[],
  busy = 0.1,
): void {
  desk.engine.facts({ type: 'load', busy, rows: rows.flat() });
}

/** Seconds by limit that the next quarter of a second brings. */
function nextQuarter(desk: SimDesk, { state }: DeskTorrent): Partial<TransferAccount['seconds']> {
  const before = torrentAccount(desk.engine, state).seconds;
  desk.engine.pass(250);
  const after = Object.entries(torrentAccount(desk.engine, state).seconds);
  return Object.fromEntries(
    after
      .map(([limit, sec]) => [limit, sec - before[limit as keyof typeof before]] as const)
      .filter(([, sec]) => sec !== 0),
  );
}

describe('coordinator/accounting', () => {
  it('a source that is closed, or has nothing for us, is none', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TORRENT, { good: [0] });
    const closing = desk.connect(torrent);
    closePeer(engine, desk.peer(closing), 'idle-timeout');
    desk.connect(torrent, { have: [0] });
    expect(nextQuarter(desk, torrent)).to.deep.equal({ peers: 0.25 });
    desk.connect(torrent, { have: [1], unchoke: false });
    expect(nextQuarter(desk, torrent)).to.deep.equal({ unchoke: 0.25 });
  });

  describe('memory that ran out limits the download', () => {
    /** Three sources; the memory is full of what they have been asked for. */
    async function full() {
      const made = await SimDesk.with(TORRENT, TIGHT);
      const peers = [1, 2, 3].map(() => made.desk.connect(made.torrent, { creditBlocks: 8 }));
      const [a = 0, b = 0, c = 0] = peers;
      return { ...made, a, b, c };
    }

    it('where half of the sources could request more, else the network does', async () => {
      for (const [starved, limit] of [
        [0, 'network'],
        [1, 'network'],
        [2, 'memory'],
        [3, 'memory'],
      ] as const) {
        const { desk, torrent, ...peers } = await full();
        const state = (n: number): number => (n < starved ? leases : farSide);
        const rows = [peers.a, peers.b, peers.c].map(
          (peer, n) => [peer, 16 * KIB, 1000, state(n)] as const,
        );
        report(desk, rows);
        expect(nextQuarter(desk, torrent), String(starved)).to.deep.equal({ [limit]: 0.25 });
      }
    });

    it('in the quarter of a second in which it was refused, not in the next', async () => {
      const { desk, torrent, a, b, c } = await full();
      const next = () => {
        const starved = [a, b, c].map((peer) => [peer, 16 * KIB, 1000, leases] as const);
        report(desk, starved);
        return nextQuarter(desk, torrent);
      };
      expect(next()).to.deep.equal({ memory: 0.25 });
      // That tick tried again, in vain. After it nobody asks for more.
      for (const peer of [a, b, c]) desk.want(peer, 0);
      expect(next()).to.deep.equal({ memory: 0.25 });
      expect(next()).to.deep.equal({ network: 0.25 });
    });

    it('behind what fills it, until half of it is full pieces', async () => {
      for (const [filled, behind] of [
        [0, 'fill'],
        [1, 'verify'],
        [2, 'verify'],
      ] as const) {
        const { desk, torrent, a, b, c } = await full();
        const granted = [a, b, c].flatMap((peer) => desk.leases(peer));
        const pieces = [...new Set(granted.map(({ piece }) => piece))];
        expect(pieces).to.have.length(2);
        for (const lease of granted) if (pieces.indexOf(lease.piece) < filled) desk.deliver(lease);
        await settled();
        report(
          desk,
          [a, b, c].map((peer) => [peer, 16 * KIB, 1000, leases]),
        );
        desk.engine.pass(250);
        expect(torrent.state.account, String(filled)).to.include({ limit: 'memory', behind });
      }
    });
  });

  it('sources that answer as fast as the round trip allows: request depth, where they bring half', async () => {
    const { desk, torrent } = await SimDesk.with(TORRENT);
    const [a = 0, b = 0] = [1, 2].map(() => desk.connect(torrent, { creditBlocks: 8 }));
    report(desk, [
      [a, 16 * KIB, 1000, depth],
      [b, 16 * KIB, 1001, farSide],
    ]);
    expect(nextQuarter(desk, torrent)).to.deep.equal({ network: 0.25 });
    report(desk, [
      [a, 16 * KIB, 1000, depth],
      [b, 16 * KIB, 1000, farSide],
    ]);
    expect(nextQuarter(desk, torrent)).to.deep.equal({ requestDepth: 0.25 });
  });

  it('a thread that is late with its report by more than 600 ms has no rest', async () => {
    for (const [lateMs, limit] of [
      [600, 'network'],
      [601, 'cpu'],
    ] as const) {
      const { desk, engine, torrent } = await SimDesk.with(TORRENT);
      const peer = desk.connect(torrent, { creditBlocks: 8 });
      report(desk, [[peer, 16 * KIB, 1000, farSide]]);
      engine.pass(lateMs);
      expect(torrent.state.account.limit, `${lateMs} ms`).to.equal(limit);
    }
  });

  it('a thread without downloads owes no report, and none resets what another reported', async () => {
    const settings = { peerThreads: 2 };
    const { desk, engine, torrent } = await SimDesk.with(TORRENT, { settings });
    const [a = 0, b = 0] = [0, 1].map((thread) =>
      desk.connect(torrent, { thread, creditBlocks: 8 }),
    );
    const gone = 4711;
    for (const [thread, peer] of [a, b].entries()) {
      const rows = [gone, 1, 1, 0, peer, 1000, 0, farSide];
      engine.happen({ type: 'facts', thread, facts: [{ type: 'load', busy: 0.1, rows }] });
    }
    expect(torrentAccount(engine, torrent.state).bytesInFlight).to.equal(2000);
    for (const thread of [0, 1])
      engine.happen({ type: 'facts', thread, facts: [{ type: 'load', busy: 0.1, rows: [] }] });
    expect(torrentAccount(engine, torrent.state).bytesInFlight).to.equal(0);
    engine.pass(5_000);
    expect(torrent.state.account.limit).to.equal('network');
  });

  it('figures that are read between two ticks charge nothing: the next look does', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TORRENT);
    const peer = desk.connect(torrent, { unchoke: false });
    engine.pass(250);
    engine.clockMs += 200;
    torrentAccount(engine, torrent.state);
    engineAccount(engine);
    engine.facts({ type: 'peer-choke', connection: peer, choked: false, epoch: 0 });
    engine.pass(50);
    const { seconds } = torrentAccount(engine, torrent.state);
    expect([seconds.unchoke, seconds.network]).to.deep.equal([0.25, 0.25]);
  });

  it('the engine sums up its torrents: bytes in flight, and what is being verified', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TORRENT);
    const other = await desk.add({ ...TORRENT, seed: 2 });
    const seeded = await desk.add(
      { ...TORRENT, seed: 3 },
      Array.from({ length: 16 }, (_, piece) => piece),
    );
    const [a = 0, b = 0, c = 0] = [torrent, other, seeded].map((each) =>
      desk.connect(each, { have: [0], creditBlocks: 4 }),
    );
    report(desk, [
      [a, 1000, 0, farSide],
      [b, 200, 0, farSide],
      [c, 30, 0, farSide],
    ]);
    expect(engineAccount(engine).bytesInFlight).to.equal(1200);
    expect(engineAccount(engine).verifyQueue).to.deep.equal({ pieces: 0, bytes: 0, jobs: 0 });
    for (const peer of [a, b]) for (const lease of desk.leases(peer)) desk.deliver(lease);
    await settled();
    const one = { pieces: 1, bytes: PIECE, jobs: 1 };
    expect(torrentAccount(engine, torrent.state)).to.deep.include({
      bytesInFlight: 1000,
      verifyQueue: one,
    });
    expect(engineAccount(engine).verifyQueue).to.deep.equal({
      pieces: 2,
      bytes: 2 * PIECE,
      jobs: 2,
    });
    const paused = desk.control.pause(torrent.state.id);
    expect(torrentAccount(engine, torrent.state).bytesInFlight).to.equal(0);
    await desk.answerJobs();
    await paused;
  });

  it('a verify job is noted for its torrent and for the engine', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TORRENT);
    const peer = desk.connect(torrent, { have: [0], creditBlocks: 4 });
    for (const lease of desk.leases(peer)) desk.deliver(lease);
    await desk.answerJobs();
    const sumOf = (histogram: readonly number[]) => histogram.reduce((sum, n) => sum + n, 0);
    for (const { hashMs, writeMs } of [
      torrentAccount(engine, torrent.state),
      engineAccount(engine),
    ])
      expect([sumOf(hashMs), sumOf(writeMs)]).to.deep.equal([1, 1]);
  });
});
