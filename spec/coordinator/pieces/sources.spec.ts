import { expect } from 'chai';
import { SimDesk } from '../../support/sim-desk';
import { KIB, MIB } from '../../support/sim-torrent';

const SHORT = { totalLengthBytes: MIB, pieceLengthBytes: 64 * KIB };

describe('coordinator: a source that is no peer', () => {
  it('delivers a whole torrent, and is not treated as a peer', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT);
    const source = desk.addSource(torrent, 1_000);
    await desk.serveAll(source);
    engine.pass(250);
    expect(torrent.state.content.possession.hasAll).to.equal(true);
    expect(engine.eventsOf('complete')).to.have.length(1);
    expect(desk.stats(torrent).peers).to.include({ connected: 0, seeds: 0 });
    expect(desk.source(source)).to.include({ usefulPieces: 0 });
    for (const type of ['interest', 'choke', 'close'] as const)
      expect(engine.ordersOf(type), type).to.have.length(0);
    expect(engine.memoryIsBack).to.equal(true);
  });

  it('fills the pieces that a peer lacks, and duplicates what the peer is late with', async () => {
    const { desk, engine, torrent } = await SimDesk.with({
      totalLengthBytes: 128 * KIB,
      pieceLengthBytes: 64 * KIB,
    });
    const peer = desk.connect(torrent, { have: [0], creditBlocks: 4 });
    const source = desk.addSource(torrent, 4);
    expect(desk.leases(peer).map(({ piece }) => piece)).to.deep.equal([0]);
    expect(desk.leases(source).map(({ piece }) => piece)).to.deep.equal([1]);
    for (const lease of desk.leases(source)) desk.deliver(lease);
    await desk.answerJobs();
    desk.want(source, 8);
    engine.pass(1_000);
    expect(desk.leases(source).map(({ piece }) => piece)).to.deep.equal([1, 0]);
    for (const lease of desk.leases(source).slice(1)) desk.deliver(lease);
    await desk.answerJobs();
    expect(engine.ordersOf('cancel-lease').map(({ connection }) => connection)).to.include(peer);
    expect(torrent.state.content.possession.hasAll).to.equal(true);
  });

  it('keeps its torrent from resting, and is what the account finds', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT);
    engine.pass(1_000);
    expect(torrent.state.restUntilMs).to.be.above(engine.clockMs);
    desk.addSource(torrent, 4);
    for (let second = 0; second < 3; second++) engine.pass(1_000);
    expect(torrent.state.restUntilMs).to.equal(undefined);
    const { seconds } = desk.stats(torrent).account;
    expect(seconds).to.include({ peers: 1, network: 3 });
  });

  it('is suspected, given the piece alone, and named when it lied', async () => {
    const { desk, engine, torrent } = await SimDesk.with({
      totalLengthBytes: 64 * KIB,
      pieceLengthBytes: 64 * KIB,
    });
    const source = desk.addSource(torrent, 4);
    for (const lease of desk.leases(source)) desk.deliver(lease, { spoil: true });
    await desk.answerJobs();
    const [failed] = engine.eventsOf('piece-failed');
    expect(failed?.suspects).to.deep.equal(['web.example']);
    expect(failed?.banned).to.deep.equal(['web.example']);
    expect(engine.logs.splice(0)).to.have.length(2);
  });
});

describe('coordinator: a download of some pieces', () => {
  const begin = async () => {
    const it = await SimDesk.with({ ...SHORT, trackers: [['http://t.example/']] });
    it.torrent.state.content.possession.setWanted(15, false);
    return it;
  };

  it('ends when the wanted pieces are here, and does not report the torrent as complete', async () => {
    const { desk, engine, torrent } = await begin();
    const peer = desk.connect(torrent, { creditBlocks: 1_000 });
    await desk.serveAll(peer);
    const { phase, piecesDone, pieceCount, doneBytes, totalBytes = 0 } = desk.stats(torrent);
    expect({ phase, piecesDone, pieceCount }).to.deep.equal({
      phase: 'seeding',
      piecesDone: 15,
      pieceCount: 16,
    });
    expect(totalBytes - doneBytes).to.equal(64 * KIB);
    expect(engine.eventsOf('complete')).to.have.length(1);
  });

  it('announces what is missing of the torrent, and never `completed`', async () => {
    const { desk, engine, torrent } = await begin();
    engine.pass(250);
    const peer = desk.connect(torrent, { creditBlocks: 1_000 });
    await desk.serveAll(peer);
    desk.close(peer);
    engine.pass(1_800_000);
    const last = engine.announces.at(-1)?.request;
    expect(last?.leftBytes).to.equal(64 * KIB);
    expect(engine.announces.map(({ request }) => request.event)).not.to.include('completed');
  });

  it('is not interested in peers that have nothing else', async () => {
    const { desk, engine, torrent } = await begin();
    const peer = desk.connect(torrent, { have: [15], creditBlocks: 4 });
    engine.facts({ type: 'peer-have', connection: peer, pieces: [15] });
    expect(desk.peer(peer).usefulPieces).to.equal(0);
    expect(engine.ordersOf('interest', peer)).to.have.length(0);
    engine.facts({ type: 'peer-have', connection: peer, pieces: [14] });
    expect(engine.ordersOf('interest', peer)).to.have.length(1);
  });
});
