// The account of real transfers: threads, sockets and files, one thing throttled per torrent. The
// rules themselves are in spec/coordinator/account/limit.spec.ts, whole swarms in spec/sim.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Coordinator, Torrent, TransferAccount } from '../../lib/index';
import type { SeedScript } from '../support/faults/seed';
import { KIB, MIB, Payload } from '../support/payload';
import { slowStorage } from '../support/storages/slow';
import { spinningStorage } from '../support/storages/spinning';
import { SPEC_TIMEOUT_MS, Swarm, untilStats } from '../support/swarm';

type Limit = NonNullable<TransferAccount['limit']>;

describe('engine account', function () {
  this.timeout(SPEC_TIMEOUT_MS);
  const swarm = new Swarm();
  afterEach(() => swarm.close());

  let salt = 1;
  async function download(
    engine: Coordinator,
    script: SeedScript,
    options: { readonly lengthBytes?: number; readonly storage?: { readonly module: string } } = {},
  ): Promise<Torrent> {
    const payload = new Payload({ lengthBytes: options.lengthBytes, seed: ++salt });
    const seed = await swarm.seed(payload, script);
    return engine.add(payload.torrent, {
      output: await swarm.folder(),
      peers: [seed.address],
      storage: options.storage,
    });
  }

  /** Waits for the label: what comes first (connecting, a full window) need not have it yet. */
  async function untilLimited(torrent: Torrent, wanted: Partial<Limit>): Promise<TransferAccount> {
    const { account } = await untilStats(torrent, JSON.stringify(wanted), (stats) =>
      Object.entries(wanted).every(
        ([key, value]) => stats.account.limit?.[key as keyof Limit] === value,
      ),
    );
    return account;
  }

  it('reports what limits each torrent, and the sum for the engine', async () => {
    const engine = await swarm.engine();
    const slow = await download(engine, { bytesPerSec: 256 * KIB });
    const choked = await download(engine, { choking: true });
    const far = await download(engine, { requestQueue: 2, latencyMs: 100 });
    const half = await download(engine, { pieces: [0, 1, 2] });
    const network = await untilLimited(slow, { what: 'network' });
    expect(network.bytesInFlight).to.be.above(0);
    await untilLimited(choked, { what: 'unchoke' });
    await untilLimited(far, { what: 'requestDepth' });
    await untilLimited(half, { what: 'peers' });
    const { account } = await engine.stats();
    for (const what of ['network', 'unchoke', 'requestDepth', 'peers'] as const)
      expect(account.seconds[what], what).to.be.above(0);
    const jobs = account.hashMs.reduce((sum, count) => sum + count, 0);
    expect(jobs).to.be.above(0);
    expect(account.writeMs.reduce((sum, count) => sum + count, 0)).to.equal(jobs);
    expect(account.work.hashSec).to.be.above(0);
  });

  it('reports a peer thread that is always busy', async () => {
    const payload = new Payload({ lengthBytes: 32 * MIB, seed: ++salt });
    const output = await swarm.folder();
    // All but the last eight pieces are there, and another engine wants them; reading them costs
    // time.
    const half = Buffer.from(payload.bytes).fill(0, 30 * MIB);
    await writeFile(join(output, payload.metainfo.name), half);
    const seed = await swarm.seed(payload, { bytesPerSec: 256 * KIB });
    const engine = await swarm.engine();
    const torrent = await engine.add(payload.torrent, {
      output,
      peers: [seed.address],
      storage: spinningStorage(200),
    });
    await untilStats(torrent, 'the check', ({ phase }) => phase === 'downloading');
    const other = await swarm.engine();
    const port = engine.port ?? 0;
    await other.add(payload.torrent, {
      output: await swarm.folder(),
      peers: [`127.0.0.1:${port}`],
    });
    await untilLimited(torrent, { what: 'cpu' });
  });

  it('reports memory that waits for a slow disk', async () => {
    const engine = await swarm.engine({ memoryBytes: 4 * MIB });
    const torrent = await download(
      engine,
      {},
      { lengthBytes: 24 * MIB, storage: slowStorage(MIB) }, // longer than a slow start
    );
    const account = await untilLimited(torrent, { what: 'memory', behind: 'write' });
    expect(account.verifyQueue.bytes).to.be.above(0);
    expect(account.work.writeSec).to.be.above(account.work.hashSec);
  });
});
