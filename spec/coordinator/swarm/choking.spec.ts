import { expect } from 'chai';
import { SimDesk } from '../../support/sim-desk';
import { KIB, MIB } from '../../support/sim-torrent';

const SHORT = { totalLengthBytes: MIB, pieceLengthBytes: 64 * KIB };

describe('coordinator/choking', () => {
  describe('interest', () => {
    it('of the peer brings it an upload slot, one of as many as there are', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT, {
        good: [0],
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
        good: [0],
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
});
