import { expect } from 'chai';
import { SimDesk } from '../support/sim-desk';
import { KIB } from '../support/sim-torrent';

describe('coordinator/state', () => {
  it('counts verified and wasted payload as received before a thread reports it, and once', async () => {
    const { desk, engine, torrent } = await SimDesk.with({
      totalLengthBytes: 128 * KIB,
      pieceLengthBytes: 64 * KIB,
    });
    const received = (): number => desk.stats(torrent).downloadedBytes;
    expect(received()).to.equal(0);
    const peer = desk.connect(torrent, { have: [0], creditBlocks: 4 });
    for (const lease of desk.leases(peer)) desk.deliver(lease, { spoil: true });
    await desk.answerJobs();
    engine.logs.length = 0;
    expect(desk.stats(torrent).wastedBytes).to.equal(64 * KIB);
    expect(received(), 'wasted').to.equal(64 * KIB);
    desk.fetch(torrent, 1);
    await desk.verify();
    expect(received(), 'and verified').to.equal(128 * KIB);
    engine.facts({ type: 'traffic', rows: [peer, 100 * KIB, 0, 0] });
    expect(received(), 'the report is behind').to.equal(128 * KIB);
    engine.facts({ type: 'traffic', rows: [peer, 60 * KIB, 0, 0] });
    expect(received()).to.equal(160 * KIB);
  });
});
