import { expect } from 'chai';
import { closePeer } from '../../../lib/coordinator/swarm/peer-orders';
import { addPeersTo } from './dialing-helper';
import { SimDesk } from '../../support/sim-desk';
import { settled } from '../../support/sim-engine';
import { KIB, MIB } from '../../support/sim-torrent';

const SHORT = { totalLengthBytes: MIB, pieceLengthBytes: 64 * KIB };

describe('coordinator/connections', () => {
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

    it('is refused when one of ours is established, whichever peer id is greater', async () => {
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
        void desk.control.pause(torrent.state.id);
        return desk.connect(torrent, { unchoke: false });
      });
      expect(reason).to.equal('torrent-closed');
    });

    it('is refused where its torrent is open on no thread: it is checked, or complete and gone', async () => {
      const desk = new SimDesk();
      const checked = await desk.begin(SHORT);
      const early = desk.connect(checked);
      expect(desk.engine.ordersOf('close', early)[0]?.reason).to.equal('torrent-closed');
      const { engine, ...other } = await SimDesk.with(SHORT, { request: { seed: false } });
      const peer = other.desk.connect(other.torrent, { creditBlocks: 100 });
      await other.desk.serveAll(peer);
      expect(engine.eventsOf('complete')).to.have.length(1);
      const late = other.desk.connect(other.torrent);
      expect(engine.ordersOf('close', late)[0]?.reason).to.equal('torrent-closed');
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

    it('of a dial that is not known any more counts as one that came in', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT);
      desk.connect(torrent, { dial: 99 });
      expect(engine.eventsOf('peer-connected').map(({ incoming }) => incoming)).to.deep.equal([
        true,
      ]);
      expect(engine.logs).to.deep.equal([]);
    });

    it('refused gets no work, and its end is reported with our reason', async () => {
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

  describe('what the app learns of a peer', () => {
    it('that it connected, and who dialled', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT);
      addPeersTo(engine, torrent, 1);
      const dial = engine.ordersOf('dial')[0]?.dial ?? 0;
      desk.connect(torrent, { host: '10.0.0.1', port: 6001 });
      desk.connect(torrent, { host: '10.2.0.1', port: 6881, dial });
      const event = { type: 'peer-connected', torrent: torrent.state.id } as const;
      expect(engine.eventsOf('peer-connected')).to.deep.equal([
        { ...event, host: '10.0.0.1', port: 6001, incoming: true },
        { ...event, host: '10.2.0.1', port: 6881, incoming: false },
      ]);
    });

    it('how its connection or its dial ended', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT);
      const connection = desk.connect(torrent, { host: '10.0.0.1', port: 6001 });
      const end = { detail: 'ECONNRESET', downloadedBytes: 3, uploadedBytes: 4 };
      engine.facts({ type: 'closed', connection, reason: 'connection-error', ...end });
      addPeersTo(engine, torrent, 1);
      const dial = engine.ordersOf('dial')[0]?.dial ?? 0;
      engine.facts({ type: 'dial-failed', dial, reason: 'dial-timeout', detail: 'too slow' });
      const event = { type: 'peer-closed', torrent: torrent.state.id } as const;
      expect(engine.eventsOf('peer-closed')).to.deep.equal([
        { ...event, host: '10.0.0.1', port: 6001, reason: 'connection-error', ...end },
        {
          ...event,
          host: '10.2.0.1',
          port: 6881,
          reason: 'dial-timeout',
          detail: 'too slow',
          downloadedBytes: 0,
          uploadedBytes: 0,
        },
      ]);
      const counts = { 'connection-error': 1, 'dial-timeout': 1 };
      expect((await desk.control.stats()).peersClosed).to.deep.equal(counts);
    });

    it('that an incoming connection ended before its torrent was known', async () => {
      const { desk, engine } = await SimDesk.with(SHORT);
      const rejected = {
        host: '10.0.0.1',
        port: 6001,
        reason: 'bad-handshake',
        detail: 'GET / HTTP',
      } as const;
      engine.facts({ type: 'rejected', ...rejected }, { type: 'rejected', ...rejected });
      const event = { type: 'peer-rejected', ...rejected };
      expect(engine.eventsOf('peer-rejected')).to.deep.equal([event, event]);
      expect((await desk.control.stats()).peersRejected).to.deep.equal({ 'bad-handshake': 2 });
    });
  });

  describe('an incoming peer that sends its listening port', () => {
    /** A peer that connected from a random port and listens on 7000; dials to it so far. */
    async function listening() {
      const { desk, engine, torrent } = await SimDesk.with(SHORT);
      const peer = desk.connect(torrent, { host: '10.0.0.1', port: 50_000 });
      const fact = { type: 'extended-handshake', connection: peer, client: 'Other 1.0' } as const;
      engine.facts({ ...fact, listenPort: 7000, requestQueue: 250 });
      const dialled = (): string[] =>
        engine.ordersOf('dial').map(({ host, port }) => `${host}:${port}`);
      return { desk, engine, torrent, peer, dialled };
    }

    it('is not dialled while it is connected, also if a tracker lists it, and is afterwards', async () => {
      const { desk, engine, torrent, peer, dialled } = await listening();
      await desk.control.addPeers(torrent.state.id, [{ host: '10.0.0.1', port: 7000 }]);
      engine.pass(60_000);
      expect(dialled()).to.deep.equal([]);
      expect(desk.stats(torrent).peers.known).to.equal(1);
      desk.close(peer);
      engine.pass(2_500);
      expect(dialled()).to.deep.equal(['10.0.0.1:7000']);
    });

    it('has one address: a second port is ignored', async () => {
      const { desk, engine, torrent, peer } = await listening();
      engine.facts({ type: 'extended-handshake', connection: peer, listenPort: 7001 });
      expect(desk.stats(torrent).peers.known).to.equal(1);
    });

    it('is forgotten where we close it, or where it sent none', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT);
      const [closing = 0, silent = 0] = [1, 2].map(() => desk.connect(torrent));
      closePeer(engine, desk.peer(closing), 'not-useful');
      engine.facts(
        { type: 'extended-handshake', connection: closing, listenPort: 7000 },
        { type: 'extended-handshake', connection: silent },
      );
      expect(desk.stats(torrent).peers.known).to.equal(0);
      expect(engine.logs).to.deep.equal([]);
    });

    it('is not dialled a second time by a peer that only claims its port', async () => {
      const { desk, engine, torrent, peer, dialled } = await listening();
      // Behind the same address: the port is taken, so this peer has no address of its own.
      const other = desk.connect(torrent, { host: '10.0.0.1', port: 50_001 });
      engine.facts({ type: 'extended-handshake', connection: other, listenPort: 7000 });
      desk.close(other);
      engine.pass(60_000);
      expect(dialled(), 'the first is still connected').to.deep.equal([]);
      desk.close(peer);
      engine.pass(60_000);
      expect(dialled()).to.deep.equal(['10.0.0.1:7000']);
    });
  });

  describe('a removal', () => {
    it('waits for nobody where there is no peer', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT);
      await desk.control.remove(torrent.state.id, false);
      expect(engine.timers).to.equal(0);
    });

    it('waits for the end of the last peer, so that its event still comes', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT);
      const peers = [1, 2].map(() => desk.connect(torrent));
      let removed = false;
      const removal = desk.control.remove(torrent.state.id, false).then(() => (removed = true));
      for (const peer of peers) {
        await settled();
        expect(removed).to.equal(false);
        desk.close(peer, 'torrent-closed');
      }
      await removal;
      expect(engine.events.at(-1)?.type).to.equal('removed');
      expect(engine.timers).to.equal(0);
    });

    it('waits three seconds at most', async () => {
      const { desk, engine, torrent } = await SimDesk.with(SHORT);
      desk.connect(torrent);
      let removed = false;
      const removal = desk.control.remove(torrent.state.id, false).then(() => (removed = true));
      await settled();
      engine.passTimers(2_999);
      await settled();
      expect(removed).to.equal(false);
      engine.passTimers(1);
      await removal;
    });
  });

  it('adds traffic up per peer and torrent, and ignores closed connections', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT);
    const peer = desk.connect(torrent);
    engine.facts({ type: 'traffic', rows: [peer, 1000, 20, 3, 999, 5, 5, 5] });
    engine.facts({ type: 'traffic', rows: [peer, 1, 2, 3] });
    expect(desk.peer(peer)).to.include({ downloadedBytes: 1001, uploadedBytes: 22 });
    expect(torrent.state).to.include({ downloadedBytes: 1001, uploadedBytes: 22, wastedBytes: 6 });
  });

  it('ignores late facts of unknown connections', async () => {
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
      { type: 'upload-stalled', connection, stalled: true },
      { type: 'extended-handshake', connection },
      { type: 'appetite', connection, epoch: 0, creditBlocks: 1, rateBytesPerSec: 1 },
      { type: 'dial-failed', dial: 77, reason: 'dial-failed', detail: '' },
    );
    expect(engine.ordersOf('lease')).to.have.length(0);
    expect(engine.logs).to.deep.equal([]);
  });
});
