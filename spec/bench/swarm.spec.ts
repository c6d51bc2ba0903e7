// The benches' own seeders and leechers against the compiled-in-memory engine: small, but complete.

import { expect } from 'chai';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fullBitfield } from '../../bench/swarm/protocol';
import { startLeechers, startSeeders } from '../../bench/swarm/peers';
import {
  checkDownload,
  makeTorrent,
  storePayload,
  writeTorrent,
} from '../../bench/support/torrent';
import type { BenchTorrent } from '../../bench/support/torrent';
import { Coordinator } from '../../lib/index';

const DEADLINE_MS = 15_000;

describe('bench swarm', function () {
  this.timeout(60_000);
  let folder = '';
  let torrent: BenchTorrent;
  let engine: Coordinator;
  before(async () => {
    engine = await Coordinator.start({ host: '127.0.0.1' });
    torrent = await makeTorrent({ salt: 1, totalBytes: 3_000_001, pieceLengthBytes: 65_536 });
  });
  after(() => engine.close());
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'millrace-bench-spec-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('leaves spare bits of a bitfield zero', () => {
    expect([...fullBitfield(8)]).to.deep.equal([0, 0, 0, 2, 5, 0xff]);
    expect([...fullBitfield(9)]).to.deep.equal([0, 0, 0, 3, 5, 0xff, 0x80]);
  });

  it('serves the engine, by peers and by its tracker', async () => {
    const seeders = await startSeeders([torrent], 3);
    try {
      const { peers, trackerUrl } = seeders;
      for (const [way, tracker] of [['peers'], ['tracker', trackerUrl]] as const) {
        const output = join(folder, way);
        const source = writeTorrent(torrent, join(folder, `${way}.torrent`), tracker);
        const given = way === 'peers' ? peers : [];
        const added = await engine.add(source, { output, peers: given, seed: false });
        await added.completed;
        await added.remove();
        checkDownload(torrent, output);
      }
    } finally {
      await seeders.stop();
    }
  });

  it('fetches everything once from the engine, and checks it', async () => {
    storePayload(torrent, folder);
    const source = writeTorrent(torrent, join(folder, 'bench.torrent'));
    const seed = await engine.add(source, { output: folder });
    await seed.completed;
    const leechers = await startLeechers(torrent, 5, engine.port ?? 0);
    const { wallSec } = await leechers.fetch(DEADLINE_MS);
    expect(wallSec).to.be.above(0);
    await seed.remove();
  });
});
