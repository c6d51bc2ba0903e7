import { expect } from 'chai';
import { closePeer } from '../../lib/coordinator/on-peer';
import { addPeersTo } from './dialing-helper';
import { SimDesk } from '../support/sim-desk';
import { KIB, MIB } from '../support/sim-torrent';

const SHORT = { totalLengthBytes: MIB, pieceLengthBytes: 64 * KIB };

describe('coordinator/on-peer', () => {
  describe('interest', () => {
    it('is told when the peer has something we lack, and not before', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT, { good: [0, 1] });
      const peer = desk.connect(torrent, { have: [0, 1] });
      expect(engine.ordersOf('interest')).to.have.length(0);
      engine.facts({ type: 'peer-have', connection: peer, pieces: [1] });
      expect(engine.ordersOf('interest')).to.have.length(0);
      engine.facts({ type: 'peer-have', connection: peer, pieces: [2, 3] });
      engine.facts({ type: 'peer-have', connection: peer, pieces: [4] });
      expect(engine.ordersOf('interest')).to.deep.equal([
        { type: 'interest', connection: peer, interested: true },
      ]);
    });

    it('is withdrawn when the peer has nothing more for us', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT);
      const peer = desk.connect(torrent, { have: [5, 6], creditBlocks: 8 });
      const other = desk.connect(torrent, { have: [7] });
      await desk.serveAll(peer);
      expect(engine.ordersOf('interest', peer).map(({ interested }) => interested)).to.deep.equal([
        true,
        false,
      ]);
      expect(engine.ordersOf('interest', other)).to.have.length(1);
      expect(desk.peer(peer).usefulPieces).to.equal(0);
    });

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

    it('that comes and goes without end costs a bounded number of rechokes, and is right in the end', async () => {
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

    it('that comes and goes without end keeps nobody else waiting for a rechoke', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT, {
        good: [0],
        settings: { uploadSlots: 1 },
      });
      const [flooder = 0, honest = 0] = [0, 1].map(() => desk.connect(torrent, { have: [] }));
      const told = (connection: number, interested: boolean): void =>
        engine.facts({ type: 'peer-interest', connection, interested });
      told(flooder, true);
      engine.facts({ type: 'upload-stalled', connection: flooder, stalled: true });
      for (let time = 0; time < 1_000; time++) told(flooder, time % 2 === 1);
      told(honest, true);
      expect(desk.peer(honest).weChoke).to.equal(false);
      engine.facts({ type: 'upload-stalled', connection: honest, stalled: true });
      told(honest, false);
      engine.pass(250);
      expect(desk.peer(flooder).weChoke, 'with the next tick').to.equal(false);
    });

    it('of a peer that makes no use of its slot leaves it to one that waits', async () => {
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

    it('lost frees the slot for who waits', async () => {
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

  describe('what peers have', () => {
    it('makes a seed of a peer that gets its last piece', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT);
      const peer = desk.connect(torrent, { have: [0] });
      expect(desk.peer(peer).isSeed).to.equal(false);
      const rest = Array.from({ length: 15 }, (_, piece) => piece + 1);
      engine.facts({ type: 'peer-have', connection: peer, pieces: [...rest, 3] });
      expect(desk.peer(peer).isSeed).to.equal(true);
      expect(torrent.state.possession.picker.availability(7)).to.equal(1);
      desk.close(peer);
      expect(torrent.state.possession.picker.availability(7)).to.equal(0);
    });

    it('is counted a part at a time where long bitfields come and go, and right in the end', async () => {
      const LONG = { totalLengthBytes: 4 * 100_000, pieceLengthBytes: 4 };
      const { desk, engine, torrent } = await SimDesk.with(LONG);
      const { picker } = torrent.state.possession;
      const have = Array.from({ length: 90_000 }, (_, piece) => piece);
      const stays = desk.connect(torrent, { have, unchoke: false });
      for (let time = 0; time < 20; time++) desk.close(desk.connect(torrent, { have }));
      const late = desk.connect(torrent, { have: [89_999], unchoke: false });
      expect(engine.ordersOf('interest', late)).to.have.length(1);
      expect(engine.state.countingSteps.balance(engine.nowMs())).to.be.within(-10, 1);
      engine.pass(5000);
      expect(picker.availability(1)).to.equal(1);
      expect(picker.availability(89_999)).to.equal(2);
      desk.close(stays);
      desk.close(late);
      engine.pass(5000);
      expect([picker.availability(1), picker.availability(89_999)]).to.deep.equal([0, 0]);
      expect(engine.state.counting.size).to.equal(0);
    });

    it('is forgotten with the peer, however often its bitfield came', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT);
      const peer = desk.connect(torrent, { have: [0, 1] });
      engine.facts({ type: 'peer-bitfield', connection: peer, bits: Buffer.from([0x80, 1]) });
      expect(torrent.state.possession.picker.availability(1)).to.equal(0);
      expect(torrent.state.possession.picker.availability(15)).to.equal(1);
      desk.close(peer);
      for (let piece = 0; piece < 16; piece++)
        expect(torrent.state.possession.picker.availability(piece)).to.equal(0);
    });
  });

  describe('a connection', () => {
    const refusals = async (
      act: (desk: Awaited<ReturnType<typeof SimDesk.with>>) => number,
      settings = {},
    ) => {
      const made = await SimDesk.with(SHORT, { settings });
      const connection = act(made);
      return { ...made, reason: made.engine.ordersOf('close', connection)[0]?.reason };
    };

    it('is refused when the peer is connected already', async () => {
      const { reason } = await refusals(({ desk, torrent }) => {
        desk.connect(torrent, { peerId: 'twin' });
        return desk.connect(torrent, { peerId: 'twin' });
      });
      expect(reason).to.equal('duplicate-peer');
    });

    it('that crossed one of ours: the one that the greater peer id dialled stays', async () => {
      // Our id begins with -MR; which of the two came first must not matter.
      for (const [peerId, oursStays] of [
        ['+smaller', true],
        ['Zgreater', false],
      ] as const) {
        for (const oursFirst of [true, false]) {
          const { desk, engine, torrent } = await SimDesk.with(SHORT);
          addPeersTo(engine, torrent, 1);
          const dial = engine.ordersOf('dial')[0]?.dial ?? 0;
          const connect = (ours: boolean): number =>
            desk.connect(torrent, { peerId, unchoke: false, ...(ours ? { dial } : {}) });
          const first = connect(oursFirst);
          engine.clockMs += 100;
          const second = connect(!oursFirst);
          const closed = oursFirst === oursStays ? second : first;
          expect(engine.ordersOf('close')).to.deep.equal([
            { type: 'close', connection: closed, reason: 'duplicate-peer' },
          ]);
        }
      }
    });

    it('is refused when one of ours is established, whoever has the greater id', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT);
      addPeersTo(engine, torrent, 1);
      desk.connect(torrent, { peerId: 'Zgreater', dial: engine.ordersOf('dial')[0]?.dial ?? 0 });
      engine.pass(60_000);
      const second = desk.connect(torrent, { peerId: 'Zgreater', unchoke: false });
      expect(engine.ordersOf('close').map(({ connection }) => connection)).to.deep.equal([second]);
    });

    it('takes the place of one that is being closed', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT);
      const first = desk.connect(torrent, { peerId: 'twin' });
      closePeer(engine, desk.peer(first), 'idle-timeout');
      const second = desk.connect(torrent, { peerId: 'twin' });
      expect(engine.ordersOf('close', second)).to.have.length(0);
    });

    it('is refused beyond the limits', async () => {
      const perTorrent = await refusals(
        ({ desk, torrent }) => {
          desk.connect(torrent);
          return desk.connect(torrent);
        },
        { maxConnectionsPerTorrent: 1 },
      );
      expect(perTorrent.reason).to.equal('too-many-connections');
      const inAll = await refusals(
        ({ desk, torrent }) => {
          desk.connect(torrent);
          return desk.connect(torrent);
        },
        { maxConnections: 1 },
      );
      expect(inAll.reason).to.equal('too-many-connections');
    });

    it('is refused while the torrent is paused', async () => {
      const { reason } = await refusals(({ desk, torrent }) => {
        torrent.state.phase = 'paused';
        return desk.connect(torrent, { unchoke: false });
      });
      expect(reason).to.equal('torrent-closed');
    });

    it('of a torrent that is gone is closed, and counted once', async () => {
      const { desk, engine } = await SimDesk.with(SHORT);
      engine.facts({
        type: 'connected',
        connection: 32,
        torrent: 99,
        host: 'h',
        port: 1,
        peerId: new Uint8Array(20),
      });
      expect(engine.ordersOf('close', 32)[0]?.reason).to.equal('torrent-closed');
      expect(engine.state.peers.size).to.equal(0);
      desk.close(32, 'torrent-closed');
      expect([...engine.state.closed]).to.deep.equal([['torrent-closed', 1]]);
    });

    it('refused gets no work, and its end is told with our reason', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT);
      desk.connect(torrent, { peerId: 'twin' });
      const twin = desk.connect(torrent, { peerId: 'twin', creditBlocks: 8 });
      expect(desk.leases(twin)).to.have.length(0);
      expect(engine.ordersOf('interest', twin)).to.have.length(0);
      desk.close(twin, 'remote-closed');
      expect(engine.eventsOf('peer-closed')[0]?.reason).to.equal('duplicate-peer');
    });
  });

  describe('dials', () => {
    it('go out as addresses come, within the limit of half-open ones', async () => {
      const { engine, torrent } = await SimDesk.with(SHORT, { settings: { maxHalfOpen: 3 } });
      addPeersTo(engine, torrent, 5);
      const dials = engine.ordersOf('dial');
      expect(dials).to.have.length(3);
      expect(torrent.state.dialing).to.equal(3);
      engine.facts({
        type: 'dial-failed',
        dial: dials[0]?.dial ?? 0,
        reason: 'dial-failed',
        detail: 'refused',
      });
      await new Promise(setImmediate);
      engine.pass(250);
      expect(engine.ordersOf('dial')).to.have.length(4);
      expect(engine.eventsOf('peer-closed')[0]).to.include({ reason: 'dial-failed' });
    });

    it('that succeed leave the address connected; its end brings a redial', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT);
      addPeersTo(engine, torrent, 1);
      const [dial] = engine.ordersOf('dial');
      const peer = desk.connect(torrent, {
        dial: dial?.dial ?? 0,
        host: dial?.host,
        port: dial?.port,
      });
      await new Promise(setImmediate);
      expect(torrent.state.dialing).to.equal(0);
      expect(engine.eventsOf('peer-connected')[0]?.incoming).to.equal(false);
      engine.pass(60_000);
      expect(engine.ordersOf('dial')).to.have.length(1);
      desk.close(peer, 'remote-closed', 1);
      engine.pass(1_000);
      expect(engine.ordersOf('dial')).to.have.length(1);
      engine.pass(2_000);
      expect(engine.ordersOf('dial')).to.have.length(2);
    });

    it('that fail once their torrent is gone are counted', async () => {
      const { engine, torrent } = await SimDesk.with(SHORT);
      addPeersTo(engine, torrent, 1);
      const [dial] = engine.ordersOf('dial');
      engine.state.torrents.delete(torrent.state.id);
      const fact = { type: 'dial-failed', dial: dial?.dial ?? 0, detail: '' } as const;
      engine.facts({ ...fact, reason: 'torrent-closed' });
      engine.facts({ ...fact, reason: 'torrent-closed' });
      expect([...engine.state.closed]).to.deep.equal([['torrent-closed', 1]]);
    });

    it('go to the least busy thread, and to none that is down', async () => {
      const { engine, torrent } = await SimDesk.with(SHORT, { settings: { peerThreads: 3 } });
      engine.state.downThreads.add(1);
      addPeersTo(engine, torrent, 4);
      const threads = engine.orders
        .filter(({ order }) => order.type === 'dial')
        .map(({ thread }) => thread);
      expect(threads.sort()).to.deep.equal([0, 0, 2, 2]);
    });
  });

  it('adds traffic up per peer and torrent, and passes over who is gone', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT);
    const peer = desk.connect(torrent);
    engine.facts({ type: 'traffic', rows: [peer, 1000, 20, 3, 999, 5, 5, 5] });
    engine.facts({ type: 'traffic', rows: [peer, 1, 2, 3] });
    expect(desk.peer(peer)).to.include({ downloadedBytes: 1001, uploadedBytes: 22 });
    expect(torrent.state).to.include({ downloadedBytes: 1001, uploadedBytes: 22, wastedBytes: 6 });
  });

  it('takes facts of unknown connections for what they are: late', async () => {
    const { engine } = await SimDesk.with(SHORT);
    const connection = 4_711;
    engine.facts(
      {
        type: 'closed',
        connection,
        reason: 'remote-closed',
        detail: '',
        downloadedBytes: 0,
        uploadedBytes: 0,
      },
      { type: 'peer-bitfield', connection, bits: new Uint8Array(2) },
      { type: 'peer-have', connection, pieces: [1] },
      { type: 'peer-choke', connection, choked: false, epoch: 0 },
      { type: 'peer-interest', connection, interested: true },
      { type: 'extended-handshake', connection },
      { type: 'appetite', connection, epoch: 0, creditBlocks: 1, rateBytesPerSec: 1 },
      { type: 'dial-failed', dial: 77, reason: 'dial-failed', detail: '' },
    );
    expect(engine.ordersOf('lease')).to.have.length(0);
    expect(engine.logs).to.deep.equal([]);
  });
});
