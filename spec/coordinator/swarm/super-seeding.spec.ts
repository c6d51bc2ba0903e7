import { expect } from 'chai';
import { SimDesk } from '../../support/sim-desk';
import type { DeskTorrent } from '../../support/sim-desk';
import { MIB } from '../../support/sim-torrent';

const SHAPE = { totalLengthBytes: 8 * MIB, pieceLengthBytes: MIB };
const ALL = [...Array(8).keys()];

/** A torrent that is super-seeded, unless `good` says that pieces are missing. */
async function superSeed(good: readonly number[] = ALL) {
  const { desk, engine, torrent } = await SimDesk.with(SHAPE, {
    good,
    request: { superSeed: true },
  });
  const revealed = (connection: number): number[] =>
    engine.ordersOf('reveal', connection).map(({ piece }) => piece);
  return { desk, engine, torrent, revealed };
}

const isOn = (desk: SimDesk, torrent: DeskTorrent): boolean =>
  desk.stats(torrent).uploads.superSeeding;

describe('coordinator/super-seeding', () => {
  it('conceals our pieces, and shows two to each peer that others lack', async () => {
    const { desk, engine, torrent, revealed } = await superSeed();
    const opened = engine.ordersOf('open-torrent').map(({ torrent: { content } }) => content);
    expect(opened.map((content) => content?.concealed)).to.deep.equal([true]);
    const [a, b] = [desk.connect(torrent, { have: [] }), desk.connect(torrent, { have: [3] })];
    expect(isOn(desk, torrent)).to.equal(true);
    const shown = [...revealed(a), ...revealed(b)];
    expect(new Set(shown).size).to.equal(4);
    expect(revealed(b)).to.not.include(3);
    const [first = 0] = revealed(a);
    desk.announce(a, [first]);
    expect(revealed(a)).to.have.length(2);
    desk.announce(b, [first]);
    expect(revealed(a), 'its piece has spread').to.have.length(3);
  });

  it('shows a piece again whose peer has gone', async () => {
    const { desk, torrent, revealed } = await superSeed();
    const peers = [0, 1, 2, 3].map(() => desk.connect(torrent, { have: [] }));
    const late = desk.connect(torrent, { have: [] });
    expect(peers.flatMap(revealed)).to.have.members(ALL);
    expect(revealed(late)).to.deep.equal([]);
    const [first = 0] = peers;
    desk.close(first);
    desk.engine.pass(250);
    expect(revealed(late)).to.have.members(revealed(first));
  });

  it('ends by itself once others have two copies: all pieces are announced to all peers', async () => {
    const { desk, engine, torrent } = await superSeed();
    const [a, b] = [desk.connect(torrent, { have: [] }), desk.connect(torrent, { have: [] })];
    desk.announce(a, ALL.slice(0, 7));
    desk.announce(b, ALL.slice(1));
    engine.pass(250);
    expect(isOn(desk, torrent)).to.equal(true);
    desk.announce(a, [7]); // complete, so it is closed, and its copy counts
    desk.close(a, 'not-useful');
    engine.pass(250);
    expect(isOn(desk, torrent)).to.equal(true);
    desk.announce(b, [0]);
    engine.pass(250);
    expect(isOn(desk, torrent)).to.equal(false);
    expect(engine.ordersOf('conceal').map(({ concealed }) => concealed)).to.deep.equal([false]);
    await desk.control.pause(torrent.state.id);
    await desk.control.resume(torrent.state.id);
    await desk.answerJobs();
    expect(isOn(desk, torrent), 'after a pause').to.equal(false);
  });

  it('begins and ends while the torrent seeds; peers that know our pieces are shown none', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHAPE, { good: ALL });
    const { id } = torrent.state;
    const before = desk.connect(torrent, { have: [] });
    await desk.control.superSeed(id, true);
    await desk.control.superSeed(id, true);
    const after = desk.connect(torrent, { have: [] });
    expect(engine.ordersOf('conceal').map(({ concealed }) => concealed)).to.deep.equal([true]);
    expect(engine.ordersOf('reveal').map(({ connection }) => connection)).to.deep.equal([
      after,
      after,
    ]);
    desk.announce(before, ALL.slice(0, 3));
    const shown = engine.ordersOf('reveal');
    await desk.control.superSeed(id, false);
    await desk.control.superSeed(id, false);
    expect(engine.ordersOf('conceal').map(({ concealed }) => concealed)).to.deep.equal([
      true,
      false,
    ]);
    desk.announce(after, [5]);
    engine.pass(60_000);
    expect(engine.ordersOf('reveal')).to.deep.equal(shown);
  });

  it('begins when a download is complete, for peers that come after that', async () => {
    const { desk, engine, torrent, revealed } = await superSeed([0, 1, 2, 3, 4, 5, 6]);
    expect(isOn(desk, torrent)).to.equal(false);
    const [opened] = engine.ordersOf('open-torrent');
    expect(opened?.torrent.content?.concealed).to.equal(false);
    const seed = desk.connect(torrent, { creditBlocks: 64 });
    await desk.serveAll(seed);
    expect(isOn(desk, torrent)).to.equal(true);
    expect(engine.ordersOf('conceal')).to.deep.include({
      type: 'conceal',
      torrent: torrent.state.id,
      concealed: true,
    });
    const late = desk.connect(torrent, { have: [] });
    expect(revealed(late)).to.have.length(2);
  });

  it('goes on after a pause, and on a thread that took the place of a dead one', async () => {
    const { desk, engine, torrent, revealed } = await superSeed();
    await desk.control.pause(torrent.state.id);
    expect(isOn(desk, torrent)).to.equal(false);
    await desk.control.resume(torrent.state.id);
    await desk.answerJobs();
    expect(isOn(desk, torrent)).to.equal(true);
    engine.orders = [];
    desk.threadDies(0);
    desk.threadIsBack(0);
    const [opened] = engine.ordersOf('open-torrent');
    expect(opened?.torrent.content?.concealed).to.equal(true);
    expect(revealed(desk.connect(torrent, { have: [] }))).to.have.length(2);
  });
});
