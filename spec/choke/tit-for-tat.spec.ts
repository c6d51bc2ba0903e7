import { expect } from 'chai';
import fc from 'fast-check';
import { OPTIMISTIC_TURN_MS, chooseByWorth, optimisticSlots } from '../../lib/choke/tit-for-tat';
import type { RankedCandidate } from '../../lib/choke/tit-for-tat';
import { seededRandom } from '../support/sim-torrent';

const ROUND_MS = 10_000;
/** When all peers of these specs are no newcomers any more. */
const LATER_MS = 100_000;

function peer(id: number, rest: Partial<RankedCandidate> = {}): RankedCandidate {
  return {
    id,
    interested: true,
    stalled: false,
    unchokedAtMs: undefined,
    lastUnchokedMs: 0,
    worthBytes: 0,
    earned: false,
    connectedAtMs: 0,
    ...rest,
  };
}

const earner = (id: number, worthBytes: number): RankedCandidate =>
  peer(id, { worthBytes, earned: true, unchokedAtMs: 0 });

const holding = (id: number, sinceMs: number, rest: Partial<RankedCandidate> = {}) =>
  peer(id, { unchokedAtMs: sinceMs, lastUnchokedMs: sinceMs, ...rest });

interface Asked {
  readonly slots: number;
  readonly isNew?: boolean;
  readonly nowMs?: number;
  readonly random?: () => number;
}

function choose(peers: readonly RankedCandidate[], asked: Asked): [number, string][] {
  const { isNew = true, nowMs = LATER_MS, random = () => 0 } = asked;
  const chosen = chooseByWorth(peers, { slots: asked.slots, isNew, nowMs, random });
  return [...chosen].sort(([a], [b]) => a - b);
}

const idsOf = (chosen: readonly [number, string][]): number[] => chosen.map(([id]) => id);
const earned = (chosen: readonly [number, string][]): number[] =>
  chosen.filter(([, hold]) => hold === 'earned').map(([id]) => id);

describe('tit-for-tat choker', () => {
  it('one slot in five is optimistic, at least one, and never more than there are', () => {
    expect([0, 1, 2, 4, 5, 9, 10, 16, 64].map(optimisticSlots)).to.deep.equal([
      0, 1, 1, 1, 1, 1, 2, 3, 12,
    ]);
  });

  it('unchokes all interested peers while there are slots for them, worth it or not', () => {
    const peers = [peer(1), earner(2, 9), peer(3, { interested: false }), peer(4)];
    expect(idsOf(choose(peers, { slots: 4 }))).to.deep.equal([1, 2, 4]);
    expect(idsOf(choose(peers, { slots: 3 }))).to.deep.equal([1, 2, 4]);
  });

  it('gives the slots to those that gave most, and one to another', () => {
    const lastUnchokedMs = LATER_MS;
    const peers = [10, 50, 30, 20, 40, 0].map((worthBytes, id) =>
      peer(id, { worthBytes, lastUnchokedMs }),
    );
    const chosen = choose(peers, { slots: 4, random: () => 0.99 });
    expect(earned(chosen)).to.deep.equal([1, 2, 4]);
    expect(idsOf(chosen)).to.deep.equal([1, 2, 4, 5]);
  });

  it('unchokes a peer that gives nothing only optimistically; slots that no peer earns are optimistic', () => {
    const snubs = [1, 2, 3, 4, 5, 6].map((id) =>
      peer(id, { earned: true, unchokedAtMs: LATER_MS - 10 * OPTIMISTIC_TURN_MS }),
    );
    const waiting = [7, 8, 9].map((id) => peer(id));
    const chosen = choose([earner(0, 5), ...snubs, ...waiting], { slots: 5 });
    expect(earned(chosen)).to.deep.equal([0]);
    expect(idsOf(chosen)).to.include.members([0, 7, 8, 9]).and.to.have.length(5);
  });

  it('assigns earned slots in rounds only; in between, free ones alone', () => {
    const holders = [earner(1, 10), earner(2, 20), earner(3, 30)];
    const turn = holding(4, LATER_MS - 1);
    const better = peer(5, { worthBytes: 99 });
    const asked = { slots: 4, isNew: false };
    expect(idsOf(choose([...holders, turn, better], asked))).to.deep.equal([1, 2, 3, 4]);
    expect(earned(choose([...holders, turn, better], { slots: 4 }))).to.deep.equal([2, 3, 5]);
    const [, ...left] = holders;
    expect(earned(choose([...left, turn, better, peer(6)], asked))).to.deep.equal([2, 3, 5]);
  });

  it('a peer of a little more worth does not take the slot of another', () => {
    const peers = (worthBytes: number): RankedCandidate[] => [
      earner(1, 100),
      peer(2, { worthBytes }),
      holding(3, LATER_MS),
    ];
    expect(earned(choose(peers(109), { slots: 2 }))).to.deep.equal([1]);
    expect(earned(choose(peers(112), { slots: 2 }))).to.deep.equal([2]);
  });

  it('an optimistic turn lasts 30 s while others wait, and goes on while none does', () => {
    const at = (nowMs: number, ...others: RankedCandidate[]): number[] =>
      idsOf(choose([holding(1, 0), ...others], { slots: 1, nowMs, isNew: false }));
    expect(at(OPTIMISTIC_TURN_MS - 1, peer(2))).to.deep.equal([1]);
    expect(at(OPTIMISTIC_TURN_MS, peer(2))).to.deep.equal([2]);
    expect(at(10 * OPTIMISTIC_TURN_MS)).to.deep.equal([1]);
    expect(at(10 * OPTIMISTIC_TURN_MS, peer(2, { stalled: true }))).to.deep.equal([1]);
  });

  it('a stalled peer yields at once, whatever it is worth, to one that is not', () => {
    const stalled = { ...earner(1, 1_000), stalled: true };
    const asked = { slots: 1, isNew: false };
    expect(idsOf(choose([stalled, peer(2)], asked))).to.deep.equal([2]);
    expect(idsOf(choose([stalled, peer(2)], { slots: 1 }))).to.deep.equal([2]);
    expect(idsOf(choose([stalled], asked))).to.deep.equal([1]);
    expect(idsOf(choose([stalled, peer(2, { stalled: true })], asked))).to.deep.equal([1]);
    expect(idsOf(choose([peer(1, { stalled: true }), peer(2)], { slots: 1 }))).to.deep.equal([2]);
  });

  it('a newcomer is drawn three times as often', () => {
    const random = seededRandom(1);
    const peers = [peer(1), peer(2, { connectedAtMs: LATER_MS - 59_999 }), peer(3)];
    const drawn = new Map<number, number>();
    // No peer is overdue.
    const recent = peers.map((one) => ({ ...one, lastUnchokedMs: LATER_MS - 1 }));
    for (let times = 0; times < 5_000; times++) {
      const [id = 0] = idsOf(choose(recent, { slots: 1, random }));
      drawn.set(id, (drawn.get(id) ?? 0) + 1);
    }
    expect((drawn.get(2) ?? 0) / 5_000).to.be.within(0.57, 0.63);
    expect((drawn.get(1) ?? 0) / 5_000).to.be.within(0.17, 0.23);
  });

  it('gives up slots when there are fewer: the worst earners, then the oldest turns', () => {
    const peers = [earner(1, 30), earner(2, 20), holding(3, 100), holding(4, 200)];
    expect(idsOf(choose(peers, { slots: 4, isNew: false }))).to.deep.equal([1, 2, 3, 4]);
    expect(idsOf(choose(peers, { slots: 2, isNew: false }))).to.deep.equal([1, 4]);
    expect(idsOf(choose(peers, { slots: 0, isNew: false }))).to.deep.equal([]);
  });

  const anyPeers = fc
    .array(
      fc.record({
        interested: fc.boolean(),
        stalled: fc.boolean(),
        unchokedAtMs: fc.option(fc.integer({ min: 0, max: LATER_MS }), { nil: undefined }),
        lastUnchokedMs: fc.integer({ min: 0, max: LATER_MS }),
        worthBytes: fc.integer({ min: 0, max: 3 }),
        earned: fc.boolean(),
        connectedAtMs: fc.integer({ min: 0, max: LATER_MS }),
      }),
      { maxLength: 40 },
    )
    .map((all) => all.map((one, id) => ({ ...one, id })));

  it('never has more slots than allowed, leaves none free, and chooses the same with the same seed', () => {
    fc.assert(
      fc.property(
        anyPeers,
        fc.nat({ max: 12 }),
        fc.boolean(),
        fc.nat(),
        (peers, slots, isNew, seed) => {
          const ask = (): [number, string][] =>
            choose(peers, { slots, isNew, random: seededRandom(seed) });
          const chosen = ask();
          const interested = peers.filter((one) => one.interested);
          expect(chosen.length).to.equal(Math.min(slots, interested.length));
          for (const [id] of chosen) expect(peers[id]?.interested).to.equal(true);
          expect(earned(chosen).length).to.be.at.most(slots - optimisticSlots(slots));
          expect(ask()).to.deep.equal(chosen);
          // A stalled peer has a slot only if no other waits for one.
          const unserved = interested.some(
            ({ id, stalled }) => !stalled && !chosen.some(([each]) => each === id),
          );
          const spoiled = chosen.some(([id]) => peers[id]?.stalled);
          expect(unserved && spoiled).to.equal(false);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('gives each interested peer a slot within a bounded time, even among newcomers', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 15 }),
        fc.integer({ min: 1, max: 8 }),
        fc.nat(),
        fc.boolean(),
        (count, slots, seed, renews) => {
          const random = seededRandom(seed);
          // The first peers always earn their slots; the last one gives nothing, ever.
          let peers = Array.from({ length: count }, (_, id) =>
            peer(id, { worthBytes: id < count / 2 ? 1_000 + id : 0 }),
          );
          const last = count - 1;
          const boundMs = (2 * count * OPTIMISTIC_TURN_MS) / optimisticSlots(slots) + ROUND_MS;
          let sinceMs = 0;
          for (let nowMs = 0; nowMs < 4 * boundMs; nowMs += ROUND_MS) {
            const chosen = chooseByWorth(peers, { slots, isNew: true, nowMs, random });
            peers = peers.map((one) => {
              const hold = chosen.get(one.id);
              const changed = (hold !== undefined) !== (one.unchokedAtMs !== undefined);
              // Others leave and come back as newcomers again and again.
              const isNew = renews && one.id !== last && hold === undefined;
              return {
                ...one,
                earned: hold === 'earned',
                unchokedAtMs: hold === undefined ? undefined : (one.unchokedAtMs ?? nowMs),
                lastUnchokedMs: changed ? nowMs : one.lastUnchokedMs,
                connectedAtMs: isNew ? nowMs : one.connectedAtMs,
              };
            });
            if (chosen.has(last)) sinceMs = nowMs;
            expect(nowMs - sinceMs, 'of the last peer').to.be.at.most(boundMs);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});
