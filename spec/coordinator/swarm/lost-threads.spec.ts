// A peer thread dies and another takes its place: what the dead one wrote, held and served is
// cleaned up, and the new one gets all that it needs.

import { expect } from 'chai';
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
