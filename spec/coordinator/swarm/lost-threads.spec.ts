// A peer thread dies and another takes its place: what the dead one wrote, held and served is
// cleaned up, and the new one gets all that it needs.

import { expect } from 'chai';
import { MillraceError } from '../../../lib/errors/millrace-error';
import { SimDesk } from '../../support/sim-desk';
import { settled } from '../../support/sim-engine';
import { KIB } from '../../support/sim-torrent';
import { unitsOf } from '../../support/segments';

const SHORT = { totalLengthBytes: 256 * KIB, pieceLengthBytes: 64 * KIB };
const TWO_THREADS = { settings: { peerThreads: 2 } };

describe('coordinator: the death of a peer thread', () => {
  /** A lease whose first block the thread is copying into memory when it dies. */
  async function dying() {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, TWO_THREADS);
    const peer = desk.connect(torrent, { creditBlocks: 4, thread: 1 });
    const [lease] = desk.leases(peer);
    if (lease === undefined) throw new Error('no lease');
    const [unit = -1] = unitsOf(lease.segments);
    engine.table.claim(unit, lease.generation, 1, peer);
    return { desk, engine, torrent, lease };
  }

  it('a block that it was copying is missing, and another peer brings it', async () => {
    const { desk, torrent, lease } = await dying();
    desk.threadDies(1);
    expect(desk.stats(torrent).peers.connected).to.equal(0);
    const other = desk.connect(torrent, { have: [lease.piece], creditBlocks: 4, thread: 0 });
    await desk.serveAll(other);
    expect(desk.stats(torrent).piecesDone).to.equal(1);
  });

  it('memory that it was copying into is free at once', async () => {
    const { desk, engine, torrent } = await dying();
    const paused = desk.control.pause(torrent.state.id);
    expect(engine.memoryIsBack, 'a copy is under way').to.equal(false);
    desk.threadDies(1);
    expect(engine.memoryIsBack).to.equal(true);
    await paused;
  });

  it('blocks that it had brought are kept', async () => {
    const { desk, torrent, lease } = await dying();
    const peer = desk.connect(torrent, { have: [lease.piece], creditBlocks: 0, thread: 0 });
    desk.write({ ...lease, firstBlock: 1, blockCount: 3, segments: tail(lease.segments) });
    desk.threadDies(1);
    desk.want(peer, 4);
    const asked = desk.leases(peer).map(({ firstBlock, blockCount }) => [firstBlock, blockCount]);
    expect(asked).to.deep.equal([[0, 1]]);
  });

  it('is logged and counted once, also if its successor cannot be started', async () => {
    const { desk, engine } = await SimDesk.with(SHORT, TWO_THREADS);
    const dies = (message: string): void =>
      engine.happen({
        type: 'thread-died',
        thread: 1,
        error: new MillraceError('thread-died', message),
      });
    dies('out of memory');
    dies('EAGAIN');
    const where = (error: string): string =>
      JSON.stringify({ component: 'peers', thread: 1, error });
    expect(engine.logs).to.deep.equal([
      {
        level: 'error',
        message: `a peer thread died; another is started ${where('out of memory')}`,
      },
      {
        level: 'warn',
        message: `a peer thread could not be started again; another attempt follows ${where('EAGAIN')}`,
      },
    ]);
    expect((await desk.control.stats()).threadRestarts).to.equal(1);
    engine.logs.length = 0;
  });

  it('is nothing to report of an engine that closes', async () => {
    const { desk, engine } = await SimDesk.with(SHORT, TWO_THREADS);
    const closed = desk.control.close();
    engine.happen({
      type: 'thread-died',
      thread: 1,
      error: new MillraceError('thread-died', 'it has stopped'),
    });
    await closed;
    expect(engine.logs).to.deep.equal([]);
    expect((await desk.control.stats()).threadRestarts).to.equal(0);
  });

  it('ends its connections and dials, and no others, with what they had moved', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, TWO_THREADS);
    const [lost = 0, kept = 0] = [1, 0].map((thread) => desk.connect(torrent, { thread }));
    engine.facts({ type: 'traffic', rows: [lost, 30, 4, 0, kept, 1, 1, 0] });
    const addresses = [1, 2].map((n) => ({ host: `10.5.0.${n}`, port: 7000 }));
    await desk.control.addPeers(torrent.state.id, addresses);
    const dialledBy = engine.orders.flatMap(({ thread, order }) =>
      order.type === 'dial' ? [[thread, order.host]] : [],
    );
    expect(dialledBy).to.deep.equal([
      [0, '10.5.0.1'],
      [1, '10.5.0.2'],
    ]);
    const lostHost = desk.peer(lost).host;
    desk.threadDies(1);
    const end = { reason: 'thread-died', detail: 'out of memory' };
    const ended = engine
      .eventsOf('peer-closed')
      .map(({ host, reason, detail, downloadedBytes, uploadedBytes }) => ({
        host,
        reason,
        detail,
        moved: [downloadedBytes, uploadedBytes],
      }));
    expect(ended).to.deep.equal([
      { host: lostHost, ...end, moved: [30, 4] },
      { host: '10.5.0.2', ...end, moved: [0, 0] },
    ]);
  });

  it('its successor gets every running torrent, and no other', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, TWO_THREADS);
    const paused = await desk.add({ ...SHORT, seed: 2 });
    await desk.control.pause(paused.state.id);
    engine.orders = [];
    desk.threadDies(1);
    expect(engine.orders, 'no thread is there to get an order').to.deep.equal([]);
    desk.threadIsBack(1);
    const opened = engine.orders.map(({ thread, order }) => [
      thread,
      order.type,
      order.type === 'open-torrent' ? order.torrent.torrent : undefined,
    ]);
    expect(opened).to.deep.equal([[1, 'open-torrent', torrent.state.id]]);
  });

  it('a torrent that is resumed while the thread is down is sent to its successor', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, TWO_THREADS);
    await desk.control.pause(torrent.state.id);
    desk.threadDies(1);
    engine.orders = [];
    await desk.control.resume(torrent.state.id);
    await settled();
    const openedOn = (): number[] =>
      engine.orders
        .filter(({ order }) => order.type === 'open-torrent')
        .map(({ thread }) => thread);
    expect(openedOn()).to.deep.equal([0]);
    desk.threadIsBack(1);
    expect(openedOn()).to.deep.equal([0, 1]);
  });

  it('addresses that it was dialling are dialled by another', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, TWO_THREADS);
    await desk.control.addPeers(torrent.state.id, [
      { host: '10.5.0.1', port: 7000 },
      { host: '10.5.0.2', port: 7000 },
    ]);
    const threads = (): number[] =>
      engine.orders.filter(({ order }) => order.type === 'dial').map(({ thread }) => thread);
    expect(threads()).to.deep.equal([0, 1]);
    desk.threadDies(1);
    await settled();
    expect(desk.stats(torrent).peers.dialing).to.equal(1);
    engine.pass(10_000);
    expect(threads()).to.deep.equal([0, 1, 0]);
  });
});

/** All units but the first. */
function tail([first = 0, count = 0, ...rest]: readonly number[]): number[] {
  return count > 1 ? [first + 1, count - 1, ...rest] : rest;
}
