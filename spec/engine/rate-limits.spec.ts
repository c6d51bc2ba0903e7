// Rate limits of whole engines, with threads and sockets: the shortest time that a transfer may take, and
// changes while they run.

import { expect } from 'chai';
import type { Coordinator, Torrent } from '../../lib/index';
import { MIB, Payload } from '../support/payload';
import { SPEC_TIMEOUT_MS, Swarm, expectCode, untilStats, within } from '../support/swarm';

describe('engine with rate limits', function () {
  this.timeout(SPEC_TIMEOUT_MS);
  const swarm = new Swarm();
  const payload = new Payload({ lengthBytes: 2 * MIB, pieceLengthBytes: 64 * 1024 });
  afterEach(() => swarm.close());

  async function seedOn(engine: Coordinator): Promise<Torrent> {
    const output = await swarm.folder();
    await payload.write(output);
    const torrent = await engine.add(payload.torrent, { output });
    await within(torrent.completed, 'the seed');
    return torrent;
  }

  const NO_LIMITS = {
    downLimitBytesPerSec: undefined,
    upLimitBytesPerSec: undefined,
    peerDownLimitBytesPerSec: undefined,
    peerUpLimitBytesPerSec: undefined,
  };

  for (const [where, limits, ofTorrent] of [
    ['the engine', { downLimitBytesPerSec: MIB }, false],
    ['a torrent', { downLimitBytesPerSec: MIB }, true],
    ['each peer', { peerDownLimitBytesPerSec: MIB }, false],
  ] as const) {
    it(`downloads no faster than the limit of ${where}, and says that it is the limit`, async () => {
      const seeding = await swarm.engine();
      await seedOn(seeding);
      const engine = await swarm.engine({ peerThreads: 2, ...(ofTorrent ? {} : limits) });
      const output = await swarm.folder();
      const startedMs = performance.now();
      const torrent = await engine.add(payload.torrent, {
        output,
        peers: [`127.0.0.1:${seeding.port}`],
        ...(ofTorrent ? limits : {}),
      });
      await within(torrent.completed, 'the download');
      // 150 ms of credit are kept from quiet times, and the last block may be a debt.
      expect(performance.now() - startedMs).to.be.above(1800);
      await payload.expectIn(output);
      expect(torrent.stats().limits).to.deep.equal({ ...NO_LIMITS, ...limits });
      const ofEngine = ofTorrent ? NO_LIMITS : { ...NO_LIMITS, ...limits };
      expect((await engine.stats()).limits).to.deep.equal(ofEngine);
      expect(torrent.stats().account.limit?.what).to.equal('rateLimit');
    });
  }

  it('uploads no faster than its limit', async () => {
    const seeding = await swarm.engine({ peerThreads: 2, upLimitBytesPerSec: MIB });
    const seed = await seedOn(seeding);
    const startedMs = performance.now();
    const engines = [await swarm.engine(), await swarm.engine()];
    const peers = [`127.0.0.1:${seeding.port}`];
    for (const engine of engines) {
      const torrent = await engine.add(payload.torrent, { output: await swarm.folder(), peers });
      await within(torrent.completed, 'a download');
    }
    expect(seed.stats().uploadedBytes).to.be.at.most(
      ((performance.now() - startedMs + 150) / 1000) * MIB + 16_384,
    );
  });

  it('changes limits while it downloads', async () => {
    const seeding = await swarm.engine();
    await seedOn(seeding);
    const engine = await swarm.engine({ downLimitBytesPerSec: 1024 });
    const torrent = await engine.add(payload.torrent, {
      output: await swarm.folder(),
      peers: [`127.0.0.1:${seeding.port}`],
    });
    await untilStats(torrent, 'the first block', ({ downloadedBytes }) => downloadedBytes > 0);
    expect(torrent.stats().downloadedBytes).to.be.below(MIB);
    await torrent.setLimits({ downLimitBytesPerSec: 2048, upLimitBytesPerSec: 4096 });
    await untilStats(torrent, 'its limits', ({ limits }) => limits.upLimitBytesPerSec === 4096);
    expect(torrent.stats().limits.downLimitBytesPerSec).to.equal(1024); // the engine's is lower
    await torrent.setLimits({ downLimitBytesPerSec: 0 });
    await engine.setLimits({
      downLimitBytesPerSec: 1024,
      limitSchedule: [{ from: '00:00', to: '24:00', downLimitBytesPerSec: Infinity }],
    });
    await within(torrent.completed, 'the download without a limit');
    await expectCode(engine.setLimits({ downLimitBytesPerSec: -1 }), 'bad-option');
    await expectCode(torrent.setLimits({ upLimitBytesPerSec: 1 }), 'bad-option');
  });

  it('survives the death of a peer thread under a limit', async () => {
    const seeding = await swarm.engine();
    await seedOn(seeding);
    const engine = await swarm.engine({ downLimitBytesPerSec: MIB });
    const torrent = await engine.add(payload.torrent, {
      output: await swarm.folder(),
      peers: [`127.0.0.1:${seeding.port}`],
    });
    await untilStats(torrent, 'half of it', ({ downloadedBytes }) => downloadedBytes > MIB / 2);
    await engine.killThread('peer');
    await within(torrent.completed, 'the download');
  });
});
