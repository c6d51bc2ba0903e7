// Swarms under rate limits in virtual time: limits hold over every window of 5 s, transfers are as fast as
// they allow, and no peer counts as slow because of them.

import { expect } from 'chai';
import { BLOCK_LENGTH_BYTES } from '../../lib/bytes/lengths';
import type { SimNode } from '../support/sim-node';
import { SimSwarm } from '../support/sim-swarm';
import { KIB, MIB } from '../support/sim-torrent';

const WINDOW_SEC = 5;
const STEP_SEC = 0.25;

/** Payload that a node has received, or sent, by its connections so far. */
class Meter {
  readonly #node: SimNode;
  readonly #direction: 'down' | 'up';
  readonly #samples: number[] = [];

  constructor(node: SimNode, direction: 'down' | 'up') {
    this.#node = node;
    this.#direction = direction;
  }

  get bytes(): number {
    let sum = 0;
    for (const { session } of this.#node.connections.values())
      sum += this.#direction === 'down' ? session.download.downloadedBytes : session.uploadedBytes;
    return sum;
  }

  sample(): void {
    this.#samples.push(this.bytes);
  }

  /** The most and the least bytes of any window after `fromSec`. */
  windows(fromSec: number): { readonly most: number; readonly least: number } {
    const steps = WINDOW_SEC / STEP_SEC;
    const sums = this.#samples
      .map((bytes, at) => bytes - (this.#samples[at - steps] ?? NaN))
      .slice(fromSec / STEP_SEC + steps);
    return { most: Math.max(...sums), least: Math.min(...sums) };
  }
}

async function watch(swarm: SimSwarm, meters: readonly Meter[], sec: number): Promise<void> {
  for (let step = 0; step < sec / STEP_SEC; step++) {
    await swarm.runFor(STEP_SEC);
    for (const meter of meters) meter.sample();
  }
}

function expectKept(meter: Meter, bytesPerSec: number, peers: number, fromSec = 2): void {
  const { most, least } = meter.windows(fromSec);
  const slack = Math.max(0.05 * WINDOW_SEC * bytesPerSec, peers * BLOCK_LENGTH_BYTES);
  expect(most, 'most').to.be.at.most(WINDOW_SEC * bytesPerSec + slack);
  expect(least, 'least').to.be.at.least(WINDOW_SEC * bytesPerSec - slack);
}

/** By how much the share of a peer may differ from a fair one. */
function shareSlack(bytes: number): number {
  return Math.max(0.1 * bytes, 2 * BLOCK_LENGTH_BYTES);
}

function swarmOf(mib: number): SimSwarm {
  return new SimSwarm({ totalLengthBytes: mib * MIB, pieceLengthBytes: 256 * KIB });
}

describe('sim: rate limits', () => {
  for (const [bytesPerSec, seeds] of [
    [50_000, 1],
    [50_000, 8],
    [1_000_000, 4],
  ] as const) {
    it(`keeps a download limit of ${bytesPerSec} B/s with ${seeds} seeds, fair to each`, async () => {
      const swarm = swarmOf(16);
      for (let seed = 0; seed < seeds; seed++) await swarm.add({ have: 'all' });
      const rateLimits = { downLimitBytesPerSec: bytesPerSec };
      const node = await swarm.add({ rateLimits, memoryBytes: 16 * MIB });
      swarm.introduceAll();
      const meter = new Meter(node, 'down');
      await watch(swarm, [meter], 10);
      expectKept(meter, bytesPerSec, seeds);
      const fair = meter.bytes / seeds;
      for (const { session } of node.connections.values())
        expect(session.download.downloadedBytes).to.be.closeTo(fair, shareSlack(fair));
      expect(node.torrent.wastedBytes).to.equal(0);
      expect(node.seen.get('lease-returned late')).to.equal(undefined);
    });
  }

  for (const bytesPerSec of [50_000, 1_000_000]) {
    it(`keeps an upload limit of ${bytesPerSec} B/s to 6 leechers, fair to each`, async () => {
      const swarm = swarmOf(8);
      const rateLimits = { upLimitBytesPerSec: bytesPerSec };
      const seed = await swarm.add({ have: 'all', rateLimits });
      // They exchange nothing among themselves.
      for (let at = 0; at < 6; at++) (await swarm.add({ dialable: false })).meet(seed);
      const meter = new Meter(seed, 'up');
      await watch(swarm, [meter], 10);
      expectKept(meter, bytesPerSec, 6);
      const fair = meter.bytes / 6;
      for (const { session } of seed.connections.values())
        expect(session.uploadedBytes).to.be.closeTo(fair, shareSlack(fair));
      expect(seed.seen.get('upload-stalled')).to.equal(undefined);
    });
  }

  it('downloads at the bandwidth of its limit, and says that this is the limit', async () => {
    const swarm = swarmOf(4);
    for (let seed = 0; seed < 3; seed++) await swarm.add({ have: 'all' });
    const node = await swarm.add({ rateLimits: { downLimitBytesPerSec: 512 * KIB } });
    swarm.introduceAll();
    await swarm.run(() => node.completedMs !== undefined, 30);
    expect(swarm.elapsedSec).to.be.within(7.6, 9);
    const { limit } = node.torrent.account.sums.snapshot({
      bytesInFlight: 0,
      verifyQueue: { pieces: 0, bytes: 0, jobs: 0 },
    });
    expect(limit?.what).to.equal('rateLimit');
    expect(limit?.share).to.be.above(0.8);
  });

  it('limits each peer alone', async () => {
    const swarm = swarmOf(8);
    for (let seed = 0; seed < 4; seed++) await swarm.add({ have: 'all' });
    const node = await swarm.add({
      rateLimits: { peerDownLimitBytesPerSec: 100_000 },
      memoryBytes: 8 * MIB,
    });
    swarm.introduceAll();
    await swarm.runFor(8);
    for (const { session } of node.connections.values())
      expect(session.download.downloadedBytes).to.be.closeTo(770_000, 60_000);
  });

  it('follows limits that rise, fall and end while it downloads', async () => {
    const swarm = swarmOf(48);
    for (let seed = 0; seed < 2; seed++)
      await swarm.add({ have: 'all', uplinkBytesPerSec: 2_000_000 });
    const node = await swarm.add({ memoryBytes: 16 * MIB });
    swarm.introduceAll();
    await swarm.runFor(3);
    const free = new Meter(node, 'down').bytes;
    expect(free).to.be.above(7_000_000);
    await node.setLimits({ downLimitBytesPerSec: 300_000 });
    await swarm.runFor(2);
    const slow = new Meter(node, 'down');
    await watch(swarm, [slow], 7);
    expectKept(slow, 300_000, 2, 0);
    await node.setLimits({ downLimitBytesPerSec: 1_500_000 });
    const faster = new Meter(node, 'down');
    await watch(swarm, [faster], 7);
    expectKept(faster, 1_500_000, 2, 1);
    const before = faster.bytes;
    await node.setLimits({ downLimitBytesPerSec: Infinity });
    await swarm.runFor(3);
    expect(faster.bytes - before).to.be.above(7_000_000);
    expect(node.seen.get('lease-returned late')).to.equal(undefined);
    expect(node.torrent.wastedBytes).to.equal(0);
  });

  it('causes no time-outs for minutes at the lowest limit, and continues when it ends', async () => {
    const swarm = swarmOf(1);
    await swarm.add({ have: 'all' });
    const node = await swarm.add({ rateLimits: { downLimitBytesPerSec: 1024 } });
    swarm.introduceAll();
    await swarm.runFor(300);
    const meter = new Meter(node, 'down');
    expect(meter.bytes).to.be.closeTo(300 * 1024, 2 * BLOCK_LENGTH_BYTES);
    expect(node.connections.size).to.equal(1);
    expect(node.seen.get('lease-returned late')).to.equal(undefined);
    await node.setLimits({ downLimitBytesPerSec: Infinity });
    await swarm.runUntilComplete(310);
  });

  it('survives the death of its peer thread', async () => {
    const swarm = swarmOf(4);
    await swarm.add({ have: 'all' });
    const node = await swarm.add({ rateLimits: { downLimitBytesPerSec: 512 * KIB } });
    swarm.introduceAll();
    await swarm.runFor(3);
    node.loseThread();
    await swarm.runUntilComplete(60);
    expect(node.seen.get('rates')).to.be.above(20);
  });
});
