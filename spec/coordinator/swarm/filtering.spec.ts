// The IP filter in the coordinator: which addresses are kept and dialled, and what a new filter changes.

import { expect } from 'chai';
import { engineStats } from '../../../lib/coordinator/snapshot';
import { ipFilterBuffer } from '../../support/ip-filter-buffer';
import { SimDesk } from '../../support/sim-desk';
import { settled } from '../../support/sim-engine';
import { KIB, MIB } from '../../support/sim-torrent';

const SHORT = { totalLengthBytes: MIB, pieceLengthBytes: 64 * KIB };
const peer = (host: string): { host: string; port: number } => ({ host, port: 7000 });

describe('coordinator/filtering', () => {
  it('keeps no refused address of the user or a tracker, and counts those that come', async () => {
    const settings = { ipFilter: ipFilterBuffer('10.4.0.0/16') };
    const desk = new SimDesk({ settings });
    const { engine } = desk;
    const peers = [peer('10.4.0.2'), peer('10.6.0.1')];
    engine.answerAnnounce = () => Promise.resolve({ intervalSec: 1800, peers });
    const torrent = await desk.add({ ...SHORT, trackers: [['http://t.example/announce']] });
    await desk.control.addPeers(torrent.state.id, [peer('10.4.0.1'), peer('10.5.0.1')]);
    await settled();
    const dialled = engine.ordersOf('dial').map(({ host }) => host);
    expect(new Set(dialled)).to.deep.equal(new Set(['10.5.0.1', '10.6.0.1']));
    expect(engineStats(engine).ipFilter).to.deep.equal({ ranges: 1, addressesRefused: 2 });
  });

  it('is none by default', async () => {
    const { engine } = await SimDesk.with(SHORT);
    expect(engineStats(engine).ipFilter).to.equal(undefined);
    expect(engine.ordersOf('ip-filter')).to.deep.equal([]);
  });

  it('once changed, drops the addresses that it refuses, and is sent to every running thread', async () => {
    const settings = { peerThreads: 3, maxHalfOpen: 1 };
    const { desk, engine, torrent } = await SimDesk.with(SHORT, { settings });
    await desk.control.addPeers(torrent.state.id, [peer('10.4.0.1'), peer('10.4.0.2')]);
    expect(torrent.state.book.known).to.equal(2);
    desk.threadDies(1);
    const buffer = ipFilterBuffer('10.4.0.0/16');
    await desk.control.setIpFilter(buffer);
    const orders = engine.orders.filter(({ order }) => order.type === 'ip-filter');
    expect(orders).to.deep.equal([0, 2].map((thread) => ({ thread, order: orders[0]?.order })));
    expect(orders[0]?.order).to.deep.equal({ type: 'ip-filter', buffer });
    expect(torrent.state.book.known, 'the one that is being dialled').to.equal(1);
    // The thread ends that dial.
    const [dial] = engine.ordersOf('dial');
    const end = { reason: 'ip-filter' as const, detail: 'refused' };
    engine.facts({ type: 'dial-failed', dial: dial?.dial ?? 0, ...end });
    expect(torrent.state.book.known).to.equal(0);
    desk.threadIsBack(1);
    expect(engine.orders.at(-2)?.order.type, 'before torrents are opened').to.equal('ip-filter');
    // Without a filter the address may come back.
    await desk.control.setIpFilter(undefined);
    await desk.control.addPeers(torrent.state.id, [peer('10.4.0.1')]);
    expect(torrent.state.book.known).to.equal(1);
    expect(engineStats(engine).ipFilter).to.equal(undefined);
  });

  it('is lifted on a thread that starts again with the first filter', async () => {
    const settings = { ipFilter: ipFilterBuffer('10.4.0.0/16') };
    const { desk, engine } = await SimDesk.with(SHORT, { settings });
    desk.threadDies(0);
    await desk.control.setIpFilter(undefined);
    expect(engine.ordersOf('ip-filter')).to.deep.equal([]);
    desk.threadIsBack(0);
    expect(engine.ordersOf('ip-filter').map(({ buffer }) => buffer)).to.deep.equal([undefined]);
  });
});
