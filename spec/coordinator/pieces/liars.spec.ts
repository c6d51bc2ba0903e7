import { expect } from 'chai';
import fc from 'fast-check';
import { SimDesk } from '../../support/sim-desk';
import { seededRandom, KIB } from '../../support/sim-torrent';

const ONE_PIECE = { totalLengthBytes: 64 * KIB, pieceLengthBytes: 64 * KIB };
const host = (n: number): string => `10.1.0.${n}`;

describe('coordinator: a peer that sends wrong bytes', () => {
  it('is convicted at once when it filled the piece alone', async () => {
    const { desk, engine, torrent } = await SimDesk.with(ONE_PIECE);
    const liar = desk.connect(torrent, { host: host(1), creditBlocks: 4 });
    const honest = desk.connect(torrent, { host: host(2) });
    for (const lease of desk.leases(liar)) desk.deliver(lease, { spoil: true });
    await desk.answerJobs();
    expect(engine.eventsOf('piece-failed')).to.deep.equal([
      {
        type: 'piece-failed',
        torrent: torrent.state.id,
        piece: 0,
        suspects: [`${host(1)}:6881`],
        banned: [`${host(1)}:6881`],
      },
    ]);
    expect(engine.ordersOf('close')).to.deep.equal([
      { type: 'close', connection: liar, reason: 'banned' },
    ]);
    expect(torrent.state.wastedBytes).to.equal(64 * KIB);
    expect(engine.logs.map(({ message }) => message).join('\n'))
      .to.include('peer banned: it sent data that failed its hash check')
      .and.include(`"peer":"${host(1)}:6881"`);
    desk.close(liar, 'banned');
    desk.want(honest, 4);
    await desk.serveAll(honest);
    expect(torrent.state.phase).to.equal('seeding');
    expect(Buffer.from(torrent.stored).equals(torrent.content)).to.equal(true);
    expect(engine.memoryIsBack).to.equal(true);
  });

  it('does not escape by hanging up', async () => {
    const { desk, engine, torrent } = await SimDesk.with(ONE_PIECE);
    const liar = desk.connect(torrent, { host: host(1), peerId: 'liar', creditBlocks: 4 });
    for (const lease of desk.leases(liar)) desk.deliver(lease, { spoil: true });
    desk.close(liar);
    await desk.answerJobs();
    expect(engine.eventsOf('piece-failed')[0]?.banned).to.deep.equal([`${host(1)}:6881`]);
    const again = desk.connect(torrent, { host: host(1), peerId: 'new name' });
    expect(engine.ordersOf('close', again)[0]?.reason).to.equal('banned');
    const namesake = desk.connect(torrent, { host: host(9), peerId: 'liar' });
    expect(engine.ordersOf('close', namesake), 'peer ids are public').to.have.length(0);
  });

  it('is found among several by the good copy, and only the liar is banned', async () => {
    const { desk, engine, torrent } = await SimDesk.with(ONE_PIECE);
    const liar = desk.connect(torrent, { host: host(1), creditBlocks: 2 });
    const innocent = desk.connect(torrent, { host: host(2), creditBlocks: 2 });
    for (const peer of [liar, innocent])
      for (const lease of desk.leases(peer)) desk.deliver(lease, { spoil: peer === liar });
    await desk.answerJobs();
    const [failed] = engine.eventsOf('piece-failed');
    expect(failed?.suspects).to.have.members([`${host(1)}:6881`, `${host(2)}:6881`]);
    expect(failed?.banned).to.deep.equal([]);
    expect(engine.ordersOf('close')).to.have.length(0);
    const sole = desk.connect(torrent, { host: host(3), creditBlocks: 4 });
    await desk.serveAll(sole);
    expect(torrent.state.phase).to.equal('seeding');
    expect(engine.ordersOf('close').filter(({ reason }) => reason === 'banned')).to.deep.equal([
      { type: 'close', connection: liar, reason: 'banned' },
    ]);
    expect(torrent.state.book.isBanned(host(1), 6881, '')).to.equal(true);
    expect(torrent.state.book.isBanned(host(2), 6881, '')).to.equal(false);
    expect(torrent.state.book.isBanned(host(3), 6881, '')).to.equal(false);
  });

  it('is distinguished by its port from another peer on loopback', async () => {
    const { desk, engine, torrent } = await SimDesk.with(ONE_PIECE);
    const liar = desk.connect(torrent, { host: '127.0.0.1', port: 5001, creditBlocks: 4 });
    const neighbour = desk.connect(torrent, { host: '127.0.0.1', port: 5002 });
    for (const lease of desk.leases(liar)) desk.deliver(lease, { spoil: true });
    await desk.answerJobs();
    expect(engine.ordersOf('close', neighbour)).to.have.length(0);
    expect(engine.ordersOf('close', liar)).to.have.length(1);
  });

  it('reports no ban for a peer that is no longer known', async () => {
    const { desk, engine, torrent } = await SimDesk.with(ONE_PIECE);
    const peer = desk.connect(torrent, { creditBlocks: 4 });
    const [lease] = desk.leases(peer);
    if (!lease) throw new Error('no lease');
    desk.write(lease, { spoil: true });
    // As if it were the oldest of thousands that are gone.
    torrent.state.peers.delete(desk.peer(peer));
    torrent.state.sources.delete(desk.peer(peer));
    engine.state.peers.delete(peer);
    engine.state.sources.delete(peer);
    desk.piece(torrent, 0).blocks.giveBack(0, 4);
    const next = desk.connect(torrent, { creditBlocks: 4 });
    engine.pass(1000);
    for (const again of desk.leases(next)) desk.done(again);
    await desk.answerJobs();
    const [failed] = engine.eventsOf('piece-failed');
    expect(failed?.suspects).to.deep.equal(['unknown']);
    expect(failed?.banned).to.deep.equal([]);
  });

  it('is banned in the end, and no other peer is, whichever peer fills which block (property)', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.integer({ min: 2, max: 5 }), async (seed, count) => {
        const random = seededRandom(seed);
        const { desk, engine, torrent } = await SimDesk.with(
          { totalLengthBytes: 256 * KIB, pieceLengthBytes: 64 * KIB, seed: 3 },
          { seed, settings: { memoryBytes: 1024 * KIB } },
        );
        // Peer 0 spoils everything; the others are honest.
        const peers = Array.from({ length: count }, (_, n) =>
          desk.connect(torrent, { host: host(n), creditBlocks: 1 }),
        );
        const served = new Set<unknown>();
        const credit = new Map<number, number>();
        for (let step = 0; step < 400 && torrent.state.phase !== 'seeding'; step++) {
          const peer = peers[Math.floor(random() * count)] ?? 0;
          if (!engine.state.peers.has(peer)) continue;
          if (engine.ordersOf('close', peer).length > 0) {
            desk.close(peer, 'banned');
            continue;
          }
          const wanted = (credit.get(peer) ?? 1) + 1;
          credit.set(peer, wanted);
          desk.want(peer, wanted);
          for (const lease of desk.leases(peer)) {
            if (served.has(lease)) continue;
            served.add(lease);
            desk.deliver(lease, { spoil: peer === peers[0] });
          }
          await desk.answerJobs();
        }
        expect(torrent.state.phase).to.equal('seeding');
        expect(Buffer.from(torrent.stored).equals(torrent.content)).to.equal(true);
        expect(engine.memoryIsBack).to.equal(true);
        const { book } = torrent.state;
        for (let n = 1; n < count; n++) expect(book.isBanned(host(n), 6881, '')).to.equal(false);
        const failures = engine.eventsOf('piece-failed').length;
        expect(book.isBanned(host(0), 6881, '')).to.equal(failures > 0);
      }),
      { numRuns: 40 },
    );
  });
});
