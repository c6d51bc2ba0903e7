// How a torrent joins its swarm: on which threads it is opened, with what, and which trackers hear
// of it.

import { expect } from 'chai';
import { SimDesk } from '../../support/sim-desk';
import { KIB } from '../../support/sim-torrent';

const SHORT = { totalLengthBytes: 256 * KIB, pieceLengthBytes: 64 * KIB };
const TRACKED = { ...SHORT, trackers: [['http://a.example/announce']] };
const ALL = [0, 1, 2, 3];

describe('coordinator/joining', () => {
  it('is opened on every thread, with what is stored of it', async () => {
    const settings = { peerThreads: 3 };
    const { engine, torrent } = await SimDesk.with(TRACKED, { good: [1], settings });
    const opened = engine.orders.flatMap(({ thread, order }) =>
      order.type === 'open-torrent' ? [{ thread, ...order.torrent }] : [],
    );
    expect(opened.map(({ thread }) => thread)).to.deep.equal([0, 1, 2]);
    for (const { torrent: id, infoHash, content } of opened) {
      expect(id).to.equal(torrent.state.id);
      expect(infoHash).to.deep.equal(torrent.metainfo.infoHash);
      expect(content).to.include({ pieceCount: 4, pieceLengthBytes: 64 * KIB });
      expect([...new Uint8Array(content?.have ?? new ArrayBuffer(0))]).to.deep.equal([0x40]);
    }
  });

  it('joins no swarm where it is whole and not to be seeded: no thread, no tracker', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TRACKED, {
      good: ALL,
      request: { seed: false },
    });
    expect(desk.stats(torrent)).to.deep.include({ phase: 'complete', trackers: [] });
    expect(engine.announces).to.deep.equal([]);
    expect(engine.orders).to.deep.equal([]);
    desk.threadDies(0);
    desk.threadIsBack(0);
    expect(engine.orders, 'nor on the replacement of a thread').to.deep.equal([]);
  });
});
