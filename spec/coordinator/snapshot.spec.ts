// The figures that the app gets: of a torrent, of its trackers, of the engine.

import { expect } from 'chai';
import { MillraceError } from '../../lib/errors/millrace-error';
import { SimDesk } from '../support/sim-desk';
import { settled } from '../support/sim-engine';
import { unitsOf } from '../support/segments';
import { KIB } from '../support/sim-torrent';

const PIECE = 64 * KIB;
const TORRENT = { totalLengthBytes: 4 * PIECE, pieceLengthBytes: PIECE };

describe('coordinator/snapshot', () => {
  it('counts peers: seeds, those that unchoke us, dials, known addresses', async () => {
    const { desk, torrent } = await SimDesk.with(TORRENT);
    desk.connect(torrent, { have: 'all' });
    desk.connect(torrent, { have: [0], unchoke: false });
    desk.connect(torrent, { have: [1, 2] });
    await desk.control.addPeers(torrent.state.id, [{ host: '10.4.0.1', port: 7000 }]);
    expect(desk.stats(torrent).peers).to.deep.equal({
      connected: 3,
      seeds: 1,
      unchoking: 2,
      dialing: 1,
      known: 1,
    });
  });

  describe('the time that is left', () => {
    it('is what is missing by the present rate, and unknown while nothing comes', async () => {
      const { desk, engine, torrent } = await SimDesk.with(TORRENT, { good: [0] });
      const peer = desk.connect(torrent);
      expect(desk.stats(torrent).etaSec).to.equal(undefined);
      engine.facts({ type: 'traffic', rows: [peer, 2_000, 0, 0] });
      engine.clockMs += 1_000;
      const { downloadBytesPerSec, etaSec } = desk.stats(torrent);
      expect(downloadBytesPerSec).to.be.above(0);
      expect(etaSec).to.equal((3 * PIECE) / downloadBytesPerSec);
    });

    it('is unknown once the torrent does not download', async () => {
      const { desk, engine, torrent } = await SimDesk.with(TORRENT);
      const peer = desk.connect(torrent);
      engine.facts({ type: 'traffic', rows: [peer, 2_000, 0, 0] });
      engine.clockMs += 1_000;
      await desk.control.pause(torrent.state.id);
      expect(desk.stats(torrent).downloadBytesPerSec).to.be.above(0);
      expect(desk.stats(torrent).etaSec).to.equal(undefined);
    });
  });

  it('judges a tracker by its last reply, also while the next announce is out', async () => {
    const url = 'http://a.example/announce';
    const desk = new SimDesk();
    const { engine } = desk;
    const held = engine.holdAnnounces();
    const torrent = await desk.add({ ...TORRENT, trackers: [[url]] });
    const tracker = () => desk.stats(torrent).trackers[0];
    const nothing = { seeds: undefined, leechers: undefined, externalIp: undefined };
    const waiting = { url, status: 'waiting', message: undefined, peers: 0, ...nothing };
    expect(tracker()).to.deep.equal({ ...waiting, nextAnnounceSec: undefined });

    const peers = [{ host: '10.9.0.1', port: 7000 }];
    held[0]?.answer({ peers, seeds: 3, leechers: 4, warning: 'be gentle', intervalSec: 900 });
    await settled();
    engine.clockMs += 100_600;
    const working = {
      ...waiting,
      status: 'working',
      message: 'be gentle',
      peers: 1,
      seeds: 3,
      leechers: 4,
    };
    expect(tracker()).to.deep.equal({ ...working, nextAnnounceSec: 799 });

    engine.pass(900_000);
    expect(held).to.have.length(2);
    expect(tracker()).to.deep.equal({ ...working, nextAnnounceSec: undefined });
    engine.clockMs += 10_000; // The reply is late.
    held[1]?.fail(new MillraceError('tracker-unreachable', 'no route'));
    await settled();
    expect(tracker()).to.include({ status: 'failed', message: 'no route', seeds: 3 });
    expect(tracker()?.nextAnnounceSec).to.be.within(15, 20);
    engine.clockMs += 3_600_000;
    expect(tracker()?.nextAnnounceSec, 'it is overdue').to.equal(0);
  });

  it('counts memory into which a peer thread still copies', async () => {
    const { desk, engine, torrent } = await SimDesk.with(TORRENT);
    const peer = desk.connect(torrent, { creditBlocks: 4 });
    const [lease] = desk.leases(peer);
    const [unit = -1] = unitsOf(lease?.segments ?? []);
    expect(desk.stats(torrent).memoryBytes).to.equal(PIECE);
    engine.table.claim(unit, lease?.generation ?? 0, 0, peer);
    await desk.control.pause(torrent.state.id);
    expect(desk.stats(torrent).memoryBytes).to.equal(0);
    expect(await desk.control.stats()).to.include({
      memoryCommittedBytes: 0,
      memoryQuarantinedBytes: 16 * KIB,
      connections: 1,
    });
  });
});
