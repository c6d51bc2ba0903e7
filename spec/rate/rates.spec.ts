// The granter and the dealers together: limits are kept over every window, nothing is left unused,
// and shares are fair.

import { expect } from 'chai';
import fc from 'fast-check';
import { BLOCK_LENGTH_BYTES } from '../../lib/bytes/lengths';
import { BURST_MS } from '../../lib/rate/bucket';
import type { FakePeer } from './harness';
import { RateWorld } from './harness';

const WINDOW_MS = 5_000;
const FAST = 100_000_000;

/** The tolerance of a window of 5 s. */
function tolerance(bytesPerSec: number, peers: number): number {
  return Math.max(bytesPerSec * 5 * 0.05, peers * BLOCK_LENGTH_BYTES);
}

function expectKept(world: RateWorld, bytesPerSec: number, peers: number, fromMs = 0): void {
  const { most, least } = world.windows(WINDOW_MS, fromMs);
  const slack = tolerance(bytesPerSec, peers);
  expect(most, 'most').to.be.at.most(bytesPerSec * 5 + slack);
  expect(least, 'least').to.be.at.least(bytesPerSec * 5 - slack);
}

function fill(world: RateWorld, threads: number, perThread: number, torrent = 1): FakePeer[] {
  const peers: FakePeer[] = [];
  for (let thread = 0; thread < threads; thread++)
    for (let at = 0; at < perThread; at++) peers.push(world.add(thread, torrent, FAST));
  return peers;
}

describe('rate: limits', () => {
  for (const bytesPerSec of [50_000, 333_333, 4_000_000, 500_000_000]) {
    for (const [threads, perThread] of [
      [1, 1],
      [1, 8],
      [4, 2],
    ] as const) {
      it(`keeps ${bytesPerSec} B/s with ${threads} × ${perThread} connections`, () => {
        const world = new RateWorld(threads);
        world.granter.limitEngine(bytesPerSec, 0);
        world.limit(1);
        const peers = fill(world, threads, perThread);
        for (const peer of peers) peer.lineBytesPerSec = Math.max(FAST, 2 * bytesPerSec);
        world.run(11_000);
        expectKept(world, bytesPerSec, peers.length, 500);
        const fair = world.spent(peers) / peers.length;
        for (const { spentBytes } of peers)
          expect(spentBytes).to.be.closeTo(fair, Math.max(2 * BLOCK_LENGTH_BYTES, fair * 0.02));
      });
    }
  }

  it('gives what slow connections do not use to the fast ones, on any thread', () => {
    const world = new RateWorld(4);
    world.granter.limitEngine(2_000_000, 0);
    world.limit(1);
    const slow = [0, 1, 2].flatMap((thread) => [0, 1, 2].map(() => world.add(thread, 1, 20_000)));
    const fast = world.add(3, 1, FAST);
    world.run(12_000);
    expectKept(world, 2_000_000, 10, 1_000);
    // Slow lines are full all the time, within a block or two.
    for (const { spentBytes } of slow) expect(spentBytes).to.be.at.least(12 * 20_000 * 0.8);
    expect(fast.spentBytes).to.be.at.least(12 * 1_700_000);
  });

  it('gives torrents equal shares, whatever the number of their connections', () => {
    const world = new RateWorld(2);
    world.granter.limitEngine(1_000_000, 0);
    world.limit(1);
    world.limit(2);
    const many = fill(world, 2, 8, 1);
    const one = world.add(1, 2, FAST);
    world.run(10_000);
    expect(one.spentBytes).to.be.closeTo(world.spent(many), 300_000);
  });

  it('keeps the limit of a torrent within the limit of the engine', () => {
    const world = new RateWorld(2);
    world.granter.limitEngine(1_000_000, 0);
    world.limit(1, 200_000);
    world.limit(2);
    const slow = fill(world, 2, 2, 1);
    const fast = fill(world, 2, 2, 2);
    world.run(10_000);
    expect(world.spent(slow)).to.be.closeTo(2_000_000, tolerance(200_000, 4));
    expect(world.spent(fast)).to.be.closeTo(8_000_000, tolerance(800_000, 4) * 2);
  });

  it('keeps the limit of each peer, without any other', () => {
    const world = new RateWorld(1);
    world.limit(1, undefined, 100_000);
    const peers = fill(world, 1, 3);
    world.run(10_000);
    for (const { spentBytes } of peers)
      expect(spentBytes).to.be.closeTo(1_000_000, tolerance(100_000, 1) * 2);
  });

  it('follows a limit that changes', () => {
    const world = new RateWorld(2);
    world.granter.limitEngine(4_000_000, 0);
    world.limit(1);
    const peers = fill(world, 2, 2);
    world.run(6_000);
    world.granter.limitEngine(100_000, world.nowMs);
    const atMs = world.nowMs;
    world.run(8_000);
    const { most } = world.windows(WINDOW_MS, atMs);
    // What was lent under the old limit, a period of it, may still be used.
    expect(most).to.be.at.most(500_000 + tolerance(100_000, peers.length) + 4_000_000 * 0.1);
    world.unlimit(1);
    const before = world.spent(peers);
    world.run(1_000);
    expect(world.spent(peers) - before).to.be.at.least(peers.length * FAST * 0.9);
  });

  it('grants nothing while no connection transfers', () => {
    const world = new RateWorld(2);
    world.granter.limitEngine(1_000_000, 0);
    world.limit(1);
    const peers = fill(world, 2, 2);
    world.run(1_000);
    for (const peer of peers) peer.lineBytesPerSec = 0;
    world.run(1_000);
    expect(world.granter.isBusy).to.equal(false);
    const { grants } = world;
    world.run(1_000);
    expect(world.grants).to.equal(grants);
    const [peer] = peers;
    if (peer) peer.lineBytesPerSec = FAST;
    const before = world.spent(peers);
    world.run(1_000);
    expect(world.spent(peers) - before).to.be.closeTo(1_000_000, 250_000);
  });

  it('forgets what was lent to connections and threads that end', () => {
    const world = new RateWorld(2);
    world.granter.limitEngine(500_000, 0);
    world.limit(1);
    const [gone] = fill(world, 1, 1);
    const stays = world.add(1, 1, FAST);
    world.run(2_000);
    if (gone) world.remove(0, gone);
    world.granter.forgetThread(0);
    const before = stays.spentBytes;
    world.run(5_000);
    expect(stays.spentBytes - before).to.be.closeTo(2_500_000, tolerance(500_000, 1));
  });

  const line = fc.record({
    thread: fc.nat(3),
    torrent: fc.integer({ min: 1, max: 3 }),
    lineBytesPerSec: fc.integer({ min: 1_000, max: 20_000_000 }),
  });

  it('never exceeds a limit, and uses it whenever the lines can', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 50_000, max: 10_000_000 }),
        fc.array(line, { minLength: 1, maxLength: 12 }),
        fc.array(fc.nat(50), { minLength: 1, maxLength: 20 }),
        (bytesPerSec, lines, late) => {
          const world = new RateWorld(4);
          world.granter.limitEngine(bytesPerSec, 0);
          for (const torrent of [1, 2, 3]) world.limit(torrent);
          for (const { thread, torrent, lineBytesPerSec } of lines)
            world.add(thread, torrent, lineBytesPerSec);
          let turn = 0;
          world.run(8_000, () => late[turn++ % late.length] ?? 0);
          for (const ms of [500, 1_000, WINDOW_MS]) {
            const { most } = world.windows(ms);
            // What was granted before the window, in a period of 100 ms at most, may be used in it.
            const burst = (bytesPerSec * (BURST_MS + 100)) / 1000;
            const bytes = (bytesPerSec * ms) / 1000 + burst + BLOCK_LENGTH_BYTES;
            // A connection may exceed its allowance by a block.
            expect(most).to.be.at.most(bytes + lines.length * BLOCK_LENGTH_BYTES);
          }
          const able = lines.reduce((sum, each) => sum + each.lineBytesPerSec, 0);
          // A line that is full all the time cannot catch up on what it missed.
          const expected = 5 * Math.min(bytesPerSec, 0.8 * able);
          const slack = expected * 0.05 + 2 * lines.length * BLOCK_LENGTH_BYTES;
          expect(world.windows(WINDOW_MS, 1_000).least).to.be.at.least(expected - slack);
        },
      ),
      { numRuns: 20 },
    );
  }).timeout(30_000);
});
