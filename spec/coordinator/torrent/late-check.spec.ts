// A torrent whose content was learnt while it had peers is checked: they stay, they get all that the
// check finds, and none is called useless for what it could not yet show.

import { expect } from 'chai';
import { SimDesk } from '../../support/sim-desk';
import type { DeskTorrent } from '../../support/sim-desk';
import type { SimEngineOptions } from '../../support/sim-engine';
import { settled } from '../../support/sim-engine';
import { Bitfield } from '../../../lib/bytes/bitfield';
import { uselessSinceMs } from '../../../lib/coordinator/swarm/places';
import { KIB } from '../../support/sim-torrent';

const TRACKER = 'http://tracker.example/announce';
const SHORT = { totalLengthBytes: 256 * KIB, pieceLengthBytes: 64 * KIB, trackers: [[TRACKER]] };

describe('coordinator: the check of late content', () => {
  /** It has two peers, from before its content was known, and its check waits in `engine.jobs`. */
  async function checking(
    good: readonly number[],
    options: SimEngineOptions = {},
  ): Promise<{ desk: SimDesk; torrent: DeskTorrent; early: number[] }> {
    const desk = new SimDesk(options);
    const unknown = await desk.addUnknown(SHORT, good);
    const early = [32, 64].map((connection) => {
      desk.engine.facts({
        type: 'connected',
        connection,
        torrent: unknown.state.id,
        host: `10.0.0.${connection}`,
        port: 6881,
        peerId: Buffer.from(`peer-${connection}`.padEnd(20, '.')),
      });
      return connection;
    });
    const torrent = await desk.learn(unknown, early);
    return { desk, torrent, early };
  }

  it('its peers get what it finds in one order, with nothing left to be announced', async () => {
    const { desk, torrent } = await checking([0, 2]);
    const { engine } = desk;
    await desk.answerJobs();
    const [given, ...more] = engine.ordersOf('torrent-content').map(({ content }) => {
      const bits = new Bitfield(content.pieceCount, new Uint8Array(content.have));
      return [0, 1, 2, 3].filter((piece) => bits.get(piece));
    });
    expect(given).to.deep.equal([0, 2]);
    expect(more).to.deep.equal([]);
    expect(torrent.state.content.possession.hasNews).to.equal(false);
  });

  it('a thread that dies gets the torrent again at once, and the content when it is checked', async () => {
    const { desk, torrent } = await checking([0, 2], { settings: { peerThreads: 2 } });
    const { engine } = desk;
    engine.takeOrders();
    desk.threadDies(1);
    desk.threadIsBack(1);
    const { id, infoHashBytes: infoHash, info } = torrent.state;
    expect(engine.orders).to.deep.equal([
      {
        thread: 1,
        order: {
          type: 'open-torrent',
          torrent: {
            torrent: id,
            infoHash,
            private: false,
            uploadOnly: false,
            content: undefined,
            info,
          },
        },
      },
    ]);
    await desk.answerJobs();
    const given = engine.orders.filter(({ order }) => order.type === 'torrent-content');
    expect(given.map(({ thread }) => thread)).to.have.members([0, 1]);
  });

  it('a thread that is down when the check ends gets both in one', async () => {
    const { desk } = await checking([0, 2], { settings: { peerThreads: 2 } });
    const { engine } = desk;
    desk.threadDies(1);
    await desk.answerJobs();
    engine.takeOrders();
    desk.threadIsBack(1);
    const [opened] = engine.ordersOf('open-torrent');
    expect(opened?.torrent.content?.pieceCount).to.equal(4);
    expect(engine.orders).to.have.length(1);
  });

  it('its announces go on, and ask for no peers that it would not dial', async () => {
    const { desk } = await checking([0, 2]);
    const { engine } = desk;
    engine.announces.length = 0;
    for (let minute = 0; minute < 31; minute++) engine.pass(60_000);
    await settled();
    const asked = engine.announces.map(({ request: { event, numWant } }) => ({ event, numWant }));
    expect(asked).to.deep.equal([{ event: undefined, numWant: 0 }]);
  });

  it('nobody is unchoked before anybody knows what there is', async () => {
    const { desk, early } = await checking([0, 2]);
    const { engine } = desk;
    const [connection = 0] = early;
    engine.facts({ type: 'peer-interest', connection, interested: true });
    engine.pass(1_000);
    expect(engine.ordersOf('choke')).to.deep.equal([]);
    await desk.answerJobs();
    engine.pass(1_000);
    expect(engine.ordersOf('choke')).to.deep.equal([{ type: 'choke', connection, choked: false }]);
  });

  it('an idle peer is useless a minute after it came, ten minutes into a check, 20 s after it', async () => {
    const desk = new SimDesk();
    const { engine } = desk;
    const unknown = await desk.addUnknown(SHORT);
    engine.facts({
      type: 'connected',
      connection: 32,
      torrent: unknown.state.id,
      host: '10.0.0.1',
      port: 6881,
      peerId: Buffer.from('peer-32'.padEnd(20, '.')),
    });
    const cameMs = engine.nowMs();
    const useless = (): number | undefined => uselessSinceMs(desk.peer(32), engine.nowMs());
    engine.pass(59_000);
    expect(useless(), 'it may yet tell what the torrent is').to.equal(undefined);
    engine.pass(1_000);
    expect(useless()).to.equal(cameMs);
    await desk.learn(unknown, [32]);
    engine.pass(500_000);
    expect(useless(), 'we keep it waiting').to.equal(undefined);
    engine.pass(100_000);
    expect(useless()).to.equal(cameMs);
    await desk.answerJobs();
    const sharedMs = engine.nowMs();
    expect(useless(), 'it has just learnt what we have').to.equal(undefined);
    engine.pass(19_000);
    expect(useless()).to.equal(undefined);
    engine.pass(1_000);
    expect(useless()).to.equal(sharedMs);
  });
});
