// What limits a download from one peer: the rules, and the measurement over time.

import { expect } from 'chai';
import { SESSION_LIMIT } from '../../lib/messages/account';
import { Flow, limitOf } from '../../lib/peer/flow';
import type { FlowSums } from '../../lib/peer/flow';

const { farSide, depth, leases } = SESSION_LIMIT;

/**
 * A quarter of a second with 10 requests out and a round trip of 250 ms: queued at the far side.
 */
const QUEUED: FlowSums = {
  wantMs: 250,
  starvedMs: 0,
  fullMs: 0,
  idleMs: 0,
  blockMs: 2500,
  blocks: 10,
  minRoundTripMs: 40,
};

const TABLE: readonly (readonly [string, Partial<FlowSums>, number])[] = [
  ['blocks wait on the far side', {}, farSide],
  ['… at full depth, too', { fullMs: 250 }, farSide],
  ['… and with no more to ask for', { starvedMs: 250 }, farSide],
  ['full, and answered without waiting', { fullMs: 250, blocks: 60 }, depth],
  ['full for the smaller part of the time', { fullMs: 124, blocks: 60 }, farSide],
  ['full, and nothing came', { fullMs: 250, blocks: 0 }, farSide],
  ['full, and only blocks that nobody awaited', { fullMs: 250, minRoundTripMs: Infinity }, farSide],
  ['starved, and answered without waiting', { starvedMs: 250, blocks: 60 }, leases],
  ['starved, and idle now and then', { starvedMs: 250, idleMs: 26 }, leases],
  ['starved, idle no longer than a turn', { starvedMs: 250, idleMs: 25 }, farSide],
  ['starved for the smaller part of the time', { starvedMs: 124, idleMs: 100 }, farSide],
  ['full for just half of the time', { fullMs: 125, blocks: 60 }, depth],
  ['starved for just half of the time', { starvedMs: 125, idleMs: 100 }, leases],
  ['full, 1.5 round trips and 1 ms', { fullMs: 250, blockMs: 610 }, depth],
  ['full, and a little longer', { fullMs: 250, blockMs: 611 }, farSide],
  ['nothing wanted', { wantMs: 0, blockMs: 0 }, farSide],
];

describe('peer/flow', () => {
  for (const [when, change, limit] of TABLE) {
    it(when, () => expect(limitOf({ ...QUEUED, ...change })).to.equal(limit));
  }

  it('reports nothing for a peer of which nothing is wanted', () => {
    const flow = new Flow(0);
    flow.turn(0, false, 0, 8, 0);
    expect(flow.report(250, 0, Infinity)).to.equal(undefined);
  });

  it('reports nothing more once nothing is wanted, although the stretch was never judged', () => {
    const flow = new Flow(0);
    flow.turn(0, true, 4, 8, 4);
    expect(flow.report(250, 16_384, 200)?.bytesIn).to.equal(16_384);
    flow.turn(250, false, 0, 8, 0);
    expect(flow.report(500, 16_384, 200)).to.equal(undefined);
    expect(flow.report(750, 32_768, 200)?.bytesIn).to.equal(16_384);
    expect(flow.report(1000, 32_768, 200)).to.equal(undefined);
  });

  it('counts no time twice where a turn is older than the last report', () => {
    const flow = new Flow(0);
    flow.turn(0, true, 4, 4, 100);
    expect(flow.report(250, 10 * 16_384, 137.5)?.limit).to.equal(farSide);
    flow.turn(150, true, 4, 4, 100);
    // Four round trips are 550 ms: too early to judge after 500, not so after 100 more.
    expect(flow.report(500, 20 * 16_384, 137.5)?.limit).to.equal(farSide);
    expect(flow.report(600, 24 * 16_384, 137.5)?.limit).to.equal(depth);
  });

  it('four requests at most, answered in 100 ms each time: the depth', () => {
    const flow = new Flow(0);
    for (let nowMs = 0; nowMs < 1000; nowMs += 25) flow.turn(nowMs, true, 4, 4, 100);
    // 4 blocks per 100 ms.
    expect(flow.report(1000, 40 * 16_384, 100)).to.deep.equal({ bytesIn: 655_360, limit: depth });
  });

  it('judges over four round trips: bursts between two reports do not count as waiting', () => {
    const flow = new Flow(0);
    const limits: number[] = [];
    // 4 blocks per round trip of 200 ms, reported every 250 ms: now and then 8 come between two.
    for (let nowMs = 250; nowMs <= 4000; nowMs += 250) {
      flow.turn(nowMs - 250, true, 4, 4, 100);
      const blocks = 4 * Math.floor(nowMs / 200);
      limits.push(flow.report(nowMs, blocks * 16_384, 200)?.limit ?? -1);
    }
    // The first judgement comes after 800 ms, that is with the fourth report.
    expect(limits).to.deep.equal([farSide, farSide, farSide, ...Array(13).fill(depth)]);
  });

  it('is reported while blocks are wanted, though none come', () => {
    const flow = new Flow(0);
    flow.turn(0, true, 4, 4, 0);
    expect(flow.report(250, 0, Infinity)).to.deep.equal({ bytesIn: 0, limit: farSide });
  });

  /**
   * The limit after a second of turns, each a part of it, with blocks that came and 100 ms a trip.
   */
  const after = (
    blocks: number,
    ...turns: [ms: number, out: number, unasked: number][]
  ): number => {
    const flow = new Flow(0);
    let nowMs = 0;
    for (const [ms, outstanding, unasked] of turns) {
      flow.turn(nowMs, true, outstanding, 8, unasked);
      nowMs += ms;
    }
    return flow.report(nowMs, blocks * 16_384, 100)?.limit ?? -1;
  };

  it('is full from as many requests on as the depth allows, within an eighth', () => {
    expect(after(80, [1000, 8, 5])).to.equal(depth);
    expect(after(70, [1000, 7, 5])).to.equal(farSide);
    expect(after(10, [1000, 8, 5]), 'queued').to.equal(farSide);
  });

  it('is starved where there is room and nothing leased to ask for', () => {
    expect(after(20, [1000, 2, 0])).to.equal(leases);
    expect(after(20, [1000, 2, 1])).to.equal(farSide);
    expect(after(80, [1000, 8, 0]), 'no room').to.equal(depth);
  });

  it('is idle while no request is out, for more than a tenth of the time', () => {
    expect(after(4, [800, 4, 0], [200, 0, 0])).to.equal(leases);
    expect(after(4, [900, 4, 0], [100, 0, 0])).to.equal(farSide);
  });

  it('measures each stretch by itself', () => {
    const flow = new Flow(0);
    flow.turn(0, true, 0, 8, 0);
    expect(flow.report(250, 16_384, 1)?.limit).to.equal(leases);
    flow.turn(250, true, 8, 8, 8);
    expect(flow.report(500, 32_768, 1)).to.deep.equal({ bytesIn: 16_384, limit: farSide });
  });
});
