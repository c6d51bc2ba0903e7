// Which peers may stay after their handshake; what becomes of the address of one that may not.

import { expect } from 'chai';
import { SimDesk } from '../../support/sim-desk';
import { settled } from '../../support/sim-engine';
import { KIB } from '../../support/sim-torrent';

const SHORT = { totalLengthBytes: 256 * KIB, pieceLengthBytes: 64 * KIB };
const PEER = { host: '10.4.0.1', port: 7000 };

describe('coordinator/admission', () => {
  it('a banned host is refused, whichever of its ports connects', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT);
    const liar = desk.connect(torrent, { ...PEER, have: [0], creditBlocks: 4 });
    for (const lease of desk.leases(liar)) desk.deliver(lease, { spoil: true });
    await desk.answerJobs();
    desk.close(liar);
    const again = desk.connect(torrent, { host: PEER.host, port: 7001, unchoke: false });
    expect(engine.ordersOf('close', again).map(({ reason }) => reason)).to.deep.equal(['banned']);
  });

  it('a torrent that failed refuses with that reason, a paused one as closed', async () => {
    const { desk, engine, torrent } = await SimDesk.with(SHORT, { good: [0, 1, 2, 3] });
    const refusal = (): string | undefined =>
      engine.ordersOf('close', desk.connect(torrent, { unchoke: false }))[0]?.reason;
    engine.facts({
      type: 'read-failed',
      torrent: torrent.state.id,
      code: 'short-read',
      message: 'it is missing',
      path: torrent.metainfo.name,
    });
    expect(desk.stats(torrent).phase).to.equal('failed');
    expect(refusal()).to.equal('torrent-failed');
    await desk.control.pause(torrent.state.id);
    expect(refusal()).to.equal('torrent-closed');
  });

  describe('a dial that reaches a peer which is connected already', () => {
    /** The peer has connected; then our dial to its address reaches it, and is refused. */
    async function reached(first: { readonly dialled: boolean }) {
      const { desk, engine, torrent } = await SimDesk.with(SHORT);
      const dialTo = async (address: typeof PEER): Promise<number> => {
        await desk.control.addPeers(torrent.state.id, [address]);
        return engine.ordersOf('dial').at(-1)?.dial ?? 0;
      };
      const other = { host: '10.4.0.2', port: 7000 };
      const dial = first.dialled ? { ...other, dial: await dialTo(other) } : {};
      const stays = desk.connect(torrent, { ...dial, peerId: 'twin', unchoke: false });
      await settled();
      engine.pass(60_000);
      const second = { ...PEER, dial: await dialTo(PEER), peerId: 'twin', unchoke: false };
      const refused = desk.connect(torrent, second);
      await settled();
      expect(engine.ordersOf('close')).to.deep.equal([
        { type: 'close', connection: refused, reason: 'duplicate-peer' },
      ]);
      desk.close(refused);
      engine.orders = [];
      const dialled = (): string[] => engine.ordersOf('dial').map(({ host }) => host);
      return { desk, engine, stays, dialled };
    }

    it('gives it the address, which is dialled again only when that peer is gone', async () => {
      const { desk, engine, stays, dialled } = await reached({ dialled: false });
      for (let minute = 0; minute < 30; minute++) engine.pass(60_000);
      expect(dialled()).to.deep.equal([]);
      desk.close(stays);
      engine.pass(2_500);
      expect(dialled()).to.deep.equal([PEER.host]);
    });

    it('leaves the peer the address by which it was dialled; the other is tried after a minute', async () => {
      const { desk, engine, stays, dialled } = await reached({ dialled: true });
      engine.pass(59_000);
      expect(dialled()).to.deep.equal([]);
      engine.pass(16_000); // A quarter of jitter.
      expect(dialled()).to.deep.equal([PEER.host]);
      desk.close(stays);
      engine.pass(2_500);
      expect(dialled()).to.deep.equal([PEER.host, '10.4.0.2']);
    });
  });

  it('two connections crossed if they came within five seconds of each other', async () => {
    for (const [afterMs, crossed] of [
      [4_999, true],
      [5_000, false],
    ] as const) {
      const { desk, engine, torrent } = await SimDesk.with(SHORT);
      await desk.control.addPeers(torrent.state.id, [PEER]);
      const [{ dial } = { dial: 0 }] = engine.ordersOf('dial');
      const ours = desk.connect(torrent, { ...PEER, dial, peerId: 'Zgreater', unchoke: false });
      engine.clockMs += afterMs;
      const theirs = desk.connect(torrent, { peerId: 'Zgreater', unchoke: false });
      const closed = engine.ordersOf('close').map(({ connection }) => connection);
      expect(closed, `${afterMs} ms`).to.deep.equal([crossed ? ours : theirs]);
    }
  });
});
