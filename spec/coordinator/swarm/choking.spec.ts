import { expect } from 'chai';
import { SimDesk } from '../../support/sim-desk';
import { KIB, MIB } from '../../support/sim-torrent';

const SHORT = { totalLengthBytes: MIB, pieceLengthBytes: 64 * KIB };
const ALL = [...Array(16).keys()];

describe('coordinator/choking', () => {
  describe('interest', () => {
    it('of the peer brings it an upload slot, one of as many as there are', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT, {
        good: ALL,
        settings: { uploadSlots: 2 },
      });
      const peers = [0, 1, 2].map(() => desk.connect(torrent, { have: [] }));
      expect(engine.ordersOf('choke')).to.have.length(0);
      for (const connection of peers)
        engine.facts({ type: 'peer-interest', connection, interested: true });
      expect(engine.ordersOf('choke').map(({ connection }) => connection)).to.deep.equal(
        peers.slice(0, 2),
      );
      engine.orders = [];
      engine.pass(10_000);
      expect(engine.ordersOf('choke').map(({ choked }) => choked)).to.have.members([true, false]);
      expect(desk.peer(peers[2] ?? 0).weChoke).to.equal(false);
    });

    it('that changes without end costs a bounded number of rechokes, and ends in the right state', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT, { good: [0] });
      const connection = desk.connect(torrent, { have: [] });
      const flip = (times: number): void => {
        for (let time = 0; time < times; time++) {
          engine.facts({ type: 'peer-interest', connection, interested: time % 2 === 0 });
        }
      };
      flip(1001);
      expect(engine.ordersOf('choke').length).to.be.within(10, 60);
      engine.pass(250);
      expect(desk.peer(connection).weChoke).to.equal(false);
      engine.orders = [];
      flip(1000);
      expect(engine.ordersOf('choke').length).to.be.at.most(10);
      engine.pass(250);
      expect(desk.peer(connection).weChoke).to.equal(true);
    });

    it('that changes without end does not delay the rechoke of other peers', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT, {
        good: [0],
        settings: { uploadSlots: 1 },
      });
      const [flooder = 0, honest = 0] = [0, 1].map(() => desk.connect(torrent, { have: [] }));
      const setInterest = (connection: number, interested: boolean): void =>
        engine.facts({ type: 'peer-interest', connection, interested });
      setInterest(flooder, true);
      engine.facts({ type: 'upload-stalled', connection: flooder, stalled: true });
      for (let time = 0; time < 1_000; time++) setInterest(flooder, time % 2 === 1);
      setInterest(honest, true);
      expect(desk.peer(honest).weChoke).to.equal(false);
      engine.facts({ type: 'upload-stalled', connection: honest, stalled: true });
      setInterest(honest, false);
      engine.pass(250);
      expect(desk.peer(flooder).weChoke, 'with the next tick').to.equal(false);
    });

    it('of a peer that does not use its slot gives the slot to one that waits', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT, {
        good: [0],
        settings: { uploadSlots: 1 },
      });
      const [idler = 0, flooder = 0, taker = 0] = [0, 1, 2].map(() =>
        desk.connect(torrent, { have: [] }),
      );
      const stalled = (connection: number, is: boolean): void =>
        engine.facts({ type: 'upload-stalled', connection, stalled: is });
      const holder = (): number[] =>
        [idler, flooder, taker].filter((connection) => !desk.peer(connection).weChoke);
      const interested = (connection: number): void =>
        engine.facts({ type: 'peer-interest', connection, interested: true });
      interested(idler);
      stalled(idler, true);
      expect(holder(), 'nobody waits').to.deep.equal([idler]);
      stalled(flooder, true);
      interested(flooder);
      expect(holder(), 'nobody waits who is better').to.deep.equal([idler]);
      interested(taker);
      expect(holder()).to.deep.equal([taker]);
      stalled(idler, false); // choked: nothing is expected of it
      engine.facts({ type: 'traffic', rows: [taker, 0, 16_384, 0] });
      for (let turn = 0; turn < 5; turn++) {
        engine.pass(10_000);
        expect(holder(), 'the idler let its turn pass').to.deep.equal([taker]);
      }
      engine.pass(10_000);
      expect(holder(), 'but has another after a minute').to.deep.equal([idler]);
    });

    it('lost frees the slot for a waiting peer', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT, {
        good: [0],
        settings: { uploadSlots: 1 },
      });
      const [a = 0, b = 0] = [0, 1].map(() => desk.connect(torrent, { have: [] }));
      for (const connection of [a, b])
        engine.facts({ type: 'peer-interest', connection, interested: true });
      engine.facts({ type: 'peer-interest', connection: a, interested: false });
      expect([desk.peer(a).weChoke, desk.peer(b).weChoke]).to.deep.equal([true, false]);
    });
  });

  describe('a peer that waits for its next turn', () => {
    /** A seed with one slot and these peers, all interested; `turn` gives the next, who takes data or not. */
    async function seed(count: number) {
      const { desk, engine, torrent } = await SimDesk.with(SHORT, {
        good: ALL,
        settings: { uploadSlots: 1 },
      });
      const peers = Array.from({ length: count }, () => desk.connect(torrent, { have: [] }));
      for (const connection of peers)
        engine.facts({ type: 'peer-interest', connection, interested: true });
      const holder = (): number => peers.findIndex((peer) => !desk.peer(peer).weChoke);
      const turn = (takes: boolean): number => {
        const at = holder();
        if (takes) engine.facts({ type: 'traffic', rows: [peers[at] ?? 0, 0, 16_384, 0] });
        engine.pass(10_000);
        return at;
      };
      return { turn, holder };
    }

    it('keeps its rank if it took something in the last one', async () => {
      const { turn, holder } = await seed(3);
      expect([turn(false), turn(true), turn(true)]).to.deep.equal([0, 1, 2]);
      expect(holder(), 'it has waited for less time than the idler').to.equal(1);
    });

    it('loses it if it took something earlier, and nothing in the last one', async () => {
      const { turn, holder } = await seed(2);
      expect([turn(true), turn(true), turn(false), turn(true)]).to.deep.equal([0, 1, 0, 1]);
      expect(holder()).to.equal(1);
    });
  });

  it('a peer without a turn yet has let none pass, also in the first minute of the engine', async () => {
    const desk = new SimDesk({ settings: { uploadSlots: 1 } });
    const { engine } = desk;
    engine.clockMs = 1_000;
    const torrent = await desk.add(SHORT, [0]);
    const [holder = 0, newcomer = 0] = [0, 1].map(() => desk.connect(torrent, { have: [] }));
    for (const connection of [holder, newcomer])
      engine.facts({ type: 'peer-interest', connection, interested: true });
    engine.facts({ type: 'upload-stalled', connection: holder, stalled: true });
    expect([desk.peer(holder).weChoke, desk.peer(newcomer).weChoke]).to.deep.equal([true, false]);
  });

  describe('while the torrent downloads', () => {
    /** A download with these slots and peers, all interested. */
    async function download(uploadSlots: number, count: number) {
      const { desk, engine, torrent } = await SimDesk.with(SHORT, {
        good: [0],
        settings: { uploadSlots },
      });
      const peers = Array.from({ length: count }, () => desk.connect(torrent, { have: [] }));
      for (const connection of peers)
        engine.facts({ type: 'peer-interest', connection, interested: true });
      const unchoked = (): number[] =>
        peers.flatMap((id, at) => (desk.peer(id).weChoke ? [] : [at]));
      const gives = (bytes: Readonly<Record<number, number>>): void => {
        for (const [at, given] of Object.entries(bytes))
          engine.facts({ type: 'traffic', rows: [peers[Number(at)] ?? 0, given, 1, 0] });
      };
      return { desk, engine, torrent, peers, unchoked, gives };
    }

    it('its slots go to the peers that give most, every 10 s, and one to another for 30 s', async () => {
      const { engine, unchoked, gives } = await download(3, 8);
      const first = unchoked();
      expect(first).to.have.length(3);
      const [a = 0, b = 0, c = 0, d = 0] = [0, 1, 2, 3, 4, 5, 6, 7].filter(
        (at) => !first.includes(at),
      );
      gives({ [a]: 900, [b]: 800, [c]: 700 });
      engine.pass(9_750);
      expect(unchoked(), 'not before the round is over').to.deep.equal(first);
      engine.pass(250);
      expect(unchoked()).to.include.members([a, b]).and.to.have.length(3);
      gives({ [c]: 5_000, [d]: 4_000 });
      engine.pass(10_000);
      expect(unchoked()).to.include.members([c, d]).and.to.have.length(3);
      // What was given counts for two rounds.
      gives({ [a]: 900, [b]: 800 });
      engine.pass(10_000);
      expect(unchoked()).to.include.members([c, d]);
      gives({ [a]: 900, [b]: 800 });
      engine.pass(10_000);
      expect(unchoked()).to.include.members([a, b]);
    });

    it('a peer that gives nothing has its turn all the same, within a bound', async () => {
      const { engine, peers, unchoked, gives } = await download(4, 9);
      const served = new Set<number>();
      for (let round = 0; round < 2 * 3 * 6; round++) {
        gives({ 0: 3_000, 1: 2_000, 2: 1_000 });
        for (const connection of peers) {
          engine.facts({ type: 'traffic', rows: [connection, 0, 1, 0] });
        }
        engine.pass(10_000);
        for (const at of unchoked()) served.add(at);
        if (round > 1) expect(unchoked()).to.include.members([0, 1, 2]);
      }
      expect(served.size).to.equal(9);
    });

    it('the figures say how it chooses, and how many of the slots are in use', async () => {
      const { desk, torrent } = await download(3, 5);
      expect(desk.stats(torrent).uploads).to.deep.equal({
        choking: 'tit-for-tat',
        slots: 3,
        unchoked: 3,
        interested: 5,
        superSeeding: false,
      });
    });
  });

  it('fastest-upload: a complete torrent gives its slots to the peers that take most', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, {
      good: ALL,
      settings: { uploadSlots: 3, seedChoking: 'fastest-upload' },
    });
    const peers = Array.from({ length: 8 }, () => desk.connect(torrent, { have: [] }));
    for (const connection of peers)
      engine.facts({ type: 'peer-interest', connection, interested: true });
    const fast = peers[7] ?? 0;
    let turns = 0;
    for (let round = 0; round < 60; round++) {
      for (const connection of peers) {
        if (desk.peer(connection).weChoke) continue;
        const bytes = connection === fast ? 90_000 : 30_000;
        engine.facts({ type: 'traffic', rows: [connection, 0, bytes, 0] });
      }
      engine.pass(10_000);
      turns = desk.peer(fast).weChoke ? 0 : turns + 1;
    }
    expect(turns, 'rounds in which it has had a slot').to.be.above(20);
    expect(desk.stats(torrent).uploads.choking).to.equal('fastest-upload');
  });

  it('auto: the slots grow while each of them is worth it, and peers wait for more', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, {
      good: ALL,
      settings: { uploadSlots: 'auto' },
    });
    const peers = Array.from({ length: 40 }, () => desk.connect(torrent, { have: [] }));
    const round = (bytes: number): number => {
      for (const connection of peers) {
        if (desk.peer(connection).weChoke) continue;
        engine.facts({ type: 'traffic', rows: [connection, 0, bytes, 0] });
      }
      engine.pass(10_000);
      return desk.stats(torrent).uploads.unchoked;
    };
    for (const connection of peers.slice(0, 10))
      engine.facts({ type: 'peer-interest', connection, interested: true });
    expect(round(MIB), 'all that want one').to.equal(10);
    expect(desk.stats(torrent).uploads.slots).to.equal(16);
    for (const connection of peers)
      engine.facts({ type: 'peer-interest', connection, interested: true });
    expect(round(10 * MIB)).to.equal(24);
    expect(round(10 * MIB)).to.equal(36);
    expect(round(10 * MIB)).to.equal(40);
  });

  it('auto: a limit caps what can be uploaded, and so how many slots are worth it', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, {
      good: ALL,
      settings: { uploadSlots: 'auto' },
    });
    const connection = desk.connect(torrent, { have: [] });
    engine.facts({ type: 'peer-interest', connection, interested: true });
    await engine.control.setLimits(torrent.state.id, { upLimitBytesPerSec: 25 * KIB }, undefined);
    engine.pass(10_000);
    expect(desk.stats(torrent).uploads.slots).to.equal(5);
  });
});
