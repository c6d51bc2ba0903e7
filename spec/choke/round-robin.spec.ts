import { expect } from 'chai';
import fc from 'fast-check';
import type { ChokeCandidate } from '../../lib/choke/round-robin';
import { chooseUnchoked } from '../../lib/choke/round-robin';

const TURN_MS = 30_000;

function peer(id: number, rest: Partial<ChokeCandidate> = {}): ChokeCandidate {
  return {
    id,
    interested: true,
    stalled: false,
    unchokedAtMs: undefined,
    lastUnchokedMs: -Infinity,
    ...rest,
  };
}

function holding(id: number, sinceMs: number): ChokeCandidate {
  return peer(id, { unchokedAtMs: sinceMs, lastUnchokedMs: sinceMs });
}

function choose(peers: readonly ChokeCandidate[], slots: number, nowMs: number): number[] {
  return [...chooseUnchoked(peers, slots, nowMs, TURN_MS)].sort((a, b) => a - b);
}

describe('round-robin choker', () => {
  it('fills free slots at once, with interested peers only', () => {
    expect(choose([peer(1), peer(2, { interested: false }), peer(3)], 4, 0)).to.deep.equal([1, 3]);
    expect(choose([holding(9, 0), peer(1), peer(2)], 2, 5)).to.deep.equal([1, 9]);
  });

  it('takes the slot of a peer that lost its interest', () => {
    const bored = peer(1, { interested: false, unchokedAtMs: 0, lastUnchokedMs: 0 });
    expect(choose([bored, peer(2)], 1, 10)).to.deep.equal([2]);
  });

  it('lets each peer finish a turn, and go on while none waits', () => {
    const holders = [holding(1, 0), holding(2, 10)];
    expect(choose([...holders, peer(3)], 2, TURN_MS - 1)).to.deep.equal([1, 2]);
    expect(choose(holders, 2, 100 * TURN_MS)).to.deep.equal([1, 2]);
  });

  it('lets the longest-unchoked yield to the longest-waiting', () => {
    const peers = [
      holding(1, 500),
      holding(2, 100),
      peer(3, { lastUnchokedMs: 50 }),
      peer(4, { lastUnchokedMs: 40 }),
    ];
    expect(choose(peers, 2, TURN_MS + 100)).to.deep.equal([1, 4]);
    expect(choose(peers, 2, TURN_MS + 500)).to.deep.equal([3, 4]);
    expect(choose([...peers, peer(5)], 2, TURN_MS + 100)).to.deep.equal([1, 5]);
  });

  it('lets a stalled peer yield at once, to others that take what they get', () => {
    const stalled = { ...holding(2, 50), stalled: true };
    const peers = [holding(1, 0), stalled];
    expect(choose([...peers, peer(3)], 2, 60)).to.deep.equal([1, 3]);
    expect(choose([...peers, peer(3, { stalled: true })], 2, 60)).to.deep.equal([1, 2]);
    expect(choose(peers, 2, 100 * TURN_MS), 'nobody waits').to.deep.equal([1, 2]);
    const over = TURN_MS + 60;
    expect(choose([...peers, peer(3)], 2, over), 'before one whose turn is over').to.deep.equal([
      1, 3,
    ]);
  });

  it('fills free slots with stalled peers last', () => {
    const peers = [peer(1, { stalled: true }), peer(2), peer(3, { lastUnchokedMs: 9 })];
    expect(choose(peers, 2, 10)).to.deep.equal([2, 3]);
    expect(choose(peers, 3, 10)).to.deep.equal([1, 2, 3]);
  });

  it('gives up the longest-unchoked when slots become fewer', () => {
    const peers = [holding(1, 0), holding(2, 5), holding(3, 1)];
    expect(choose(peers, 2, 10)).to.deep.equal([2, 3]);
    expect(choose(peers, 0, 10)).to.deep.equal([]);
  });

  it('uses every slot it can, and no peer waits longer than a turn of each other peer', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 8 }),
        (peerCount, slots) => {
          let peers = Array.from({ length: peerCount }, (_, id) => peer(id));
          const waited = new Array<number>(peerCount).fill(0);
          for (let round = 0; round < 60; round += 1) {
            const nowMs = round * TURN_MS;
            const chosen = chooseUnchoked(peers, slots, nowMs, TURN_MS);
            expect(chosen.size).to.equal(Math.min(slots, peerCount));
            peers = peers.map((one) => {
              waited[one.id] = chosen.has(one.id) ? 0 : (waited[one.id] ?? 0) + 1;
              if (!chosen.has(one.id)) return { ...one, unchokedAtMs: undefined };
              return one.unchokedAtMs === undefined ? holding(one.id, nowMs) : one;
            });
            expect(Math.max(...waited)).to.be.at.most(Math.ceil(peerCount / slots));
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});
