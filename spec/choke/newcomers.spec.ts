// Newcomers beyond what may be spent on them wait, in lines that are served in turn.

import { expect } from 'chai';
import { Newcomers } from '../../lib/choke/newcomers';

const LONG_BYTES = 2 ** 18;

/** As many as come at one moment and are let in at once. */
function burst(newcomers: Newcomers<number>, bitfieldBytes: number, nowMs = 0): number {
  let count = 0;
  while (newcomers.enter(count, 'flood', bitfieldBytes, nowMs)) count += 1;
  return count;
}

/** Those let in within the time from 0 on, looking every 125 ms. */
function letIn(newcomers: Newcomers<number>, forMs: number): number[] {
  const all: number[] = [];
  for (let nowMs = 125; nowMs <= forMs; nowMs += 125) {
    for (let one = newcomers.next(nowMs); one !== undefined; one = newcomers.next(nowMs)) {
      all.push(one);
    }
  }
  return all;
}

describe('choke/newcomers', () => {
  it('lets a swarm in at once, also one of a torrent of 2,000,000 pieces', () => {
    expect(burst(new Newcomers(), 0)).to.equal(500);
    expect(burst(new Newcomers(), 1_250), '10,000 pieces').to.be.within(480, 482);
    expect(burst(new Newcomers(), LONG_BYTES)).to.equal(55);
  });

  it('lets a flood in at a twentieth of a thread, the oldest first', () => {
    for (const [bitfieldBytes, perSec] of [
      [0, 125],
      [LONG_BYTES, 13.6],
    ] as const) {
      const newcomers = new Newcomers<number>();
      const first = burst(newcomers, bitfieldBytes) + 1;
      for (let id = first; id < first + 2_000; id++) {
        expect(newcomers.enter(id, 'flood', bitfieldBytes, 0)).to.equal(false);
      }
      const entered = letIn(newcomers, 4_000);
      expect(entered.length).to.be.within(4 * perSec - 8, 4 * perSec + 2);
      expect(entered).to.deep.equal(entered.map((_, at) => first - 1 + at));
    }
  });

  it('admits a bounded number at once after a quiet while', () => {
    const newcomers = new Newcomers<number>();
    burst(newcomers, 0);
    for (let id = 1_000; id < 2_000; id++) newcomers.enter(id, 'flood', 0, 0);
    let others = 0;
    while (newcomers.enter(-others, `line ${others}`, 0, 0)) others += 1;
    expect(others).to.equal(125);
    expect(newcomers.enter(-1_000, 'line 0', 0, 9_999), 'it came a while ago').to.equal(false);
    expect(newcomers.enter(-1_001, 'line 0', 0, 19_999)).to.equal(true);
    expect(newcomers.enter(-1_002, 'flood', 0, 9_999)).to.equal(false);
  });

  it('does not make other lines wait behind a flood for long', () => {
    const newcomers = new Newcomers<number>();
    burst(newcomers, LONG_BYTES);
    let line = 0;
    while (newcomers.enter(5_000, `quiet ${line}`, LONG_BYTES, 0)) line += 1;
    newcomers.leave(5_000);
    for (let id = 1_000; id < 2_000; id++) newcomers.enter(id, 'flood', LONG_BYTES, 0);
    expect(newcomers.enter(-1, 'torrent 2', 0, 0)).to.equal(false);
    expect(newcomers.enter(-2, 'torrent 2', 0, 0)).to.equal(false);
    expect(newcomers.enter(-3, 'torrent 3', 0, 0)).to.equal(false);
    const entered = letIn(newcomers, 250).filter((id) => id < 0);
    expect(entered).to.deep.equal([-1, -3, -2]);
  });

  it('forgets those that are gone, and admits at once again when none waits', () => {
    const newcomers = new Newcomers<number>();
    const count = burst(newcomers, 0);
    newcomers.enter(7_000, 'flood', 0, 0);
    expect(newcomers.enter(7_001, 'flood 2', 0, 0)).to.equal(true);
    newcomers.enter(7_001, 'flood 2', 0, 0);
    newcomers.leave(count);
    newcomers.leave(count);
    newcomers.leave(7_001);
    expect(letIn(newcomers, 1_000)).to.deep.equal([7_000]);
    expect(newcomers.enter(8_000, 'flood', 0, 1_000)).to.equal(true);
  });
});
