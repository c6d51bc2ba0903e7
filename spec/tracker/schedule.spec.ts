import { expect } from 'chai';
import fc from 'fast-check';
import type { ErrorRecord } from '../../lib/errors/millrace-error';
import type { AnnounceReply } from '../../lib/tracker/announce';
import {
  AnnounceSchedule,
  LEAST_MIN_INTERVAL_MS,
  LOCAL_SHORTAGE_RETRY_MS,
  MAX_TRACKERS,
} from '../../lib/tracker/schedule';
import type { AnnounceScheduleOptions } from '../../lib/tracker/schedule';

const DOWN = { code: 'tracker-unreachable', message: 'down' };
const REPLY: AnnounceReply = { intervalSec: 1800, minIntervalSec: 300, peers: [] };

/** `random` of 0.99… leaves the order of a tier alone; 0 jitters nothing. */
function keepOrder(): () => number {
  return () => 0.999_999;
}

function scheduleOf(
  tiers: string[][],
  startedComplete = false,
  more: Partial<AnnounceScheduleOptions> = {},
): AnnounceSchedule {
  let shuffling = true;
  const random = (): number => (shuffling ? keepOrder()() : 0);
  const schedule = new AnnounceSchedule({ tiers, random, nowMs: 0, startedComplete, ...more });
  shuffling = false;
  return schedule;
}

function succeed(schedule: AnnounceSchedule, nowMs: number, reply = REPLY): string {
  const due = schedule.next(nowMs);
  if (due === undefined) return 'nothing';
  schedule.succeeded(due.url, reply, nowMs);
  return `${due.url} ${due.event ?? '-'}`;
}

function fail(schedule: AnnounceSchedule, nowMs: number, error: ErrorRecord = DOWN): string {
  const due = schedule.next(nowMs);
  if (due === undefined) return 'nothing';
  schedule.failed(due.url, error, nowMs);
  return `${due.url} ${due.event ?? '-'}`;
}

describe('tracker: announce schedule', () => {
  it('starts at once, then keeps the interval', () => {
    const schedule = scheduleOf([['a']]);
    expect(schedule.nextDueMs).to.equal(0);
    expect(succeed(schedule, 0)).to.equal('a started');
    expect(schedule.nextDueMs).to.equal(1_800_000);
    expect(succeed(schedule, 1_799_999)).to.equal('nothing');
    expect(succeed(schedule, 1_800_000)).to.equal('a -');
  });

  it('uses no more trackers of a torrent than any honest one has', () => {
    const urls = Array.from({ length: 10_000 }, (_, n) => `udp://t${n}:80`);
    const schedule = scheduleOf(urls.map((url) => [url]));
    expect(schedule.snapshot().map(({ url }) => url)).to.deep.equal(urls.slice(0, MAX_TRACKERS));
  });

  it('has one announce out at a time', () => {
    const schedule = scheduleOf([['a'], ['b']]);
    expect(schedule.next(0)?.url).to.equal('a');
    expect(schedule.next(1e9)).to.equal(undefined);
    expect(schedule.nextDueMs).to.equal(Infinity);
    schedule.succeeded('b', REPLY, 0);
    expect(schedule.snapshot()[0]?.status).to.equal('announcing');
  });

  it('tries tiers in order, and the first again at the next announce (BEP 12, first example)', () => {
    const schedule = scheduleOf([['a'], ['b'], ['c']]);
    expect(fail(schedule, 0)).to.equal('a started');
    expect(succeed(schedule, 0)).to.equal('b started');
    expect(schedule.next(60_000)).to.equal(undefined);
    expect(fail(schedule, 1_800_000)).to.equal('a started');
    expect(succeed(schedule, 1_800_000)).to.equal('b -');
  });

  it('moves a tracker that answers to the front of its tier (BEP 12, second example)', () => {
    const schedule = scheduleOf([['a', 'b', 'c']]);
    fail(schedule, 0);
    succeed(schedule, 0);
    expect(schedule.snapshot().map(({ url }) => url)).to.deep.equal(['b', 'a', 'c']);
    fail(schedule, 1_800_000);
    fail(schedule, 1_800_000);
    succeed(schedule, 1_800_000);
    expect(schedule.snapshot().map(({ url }) => url)).to.deep.equal(['c', 'b', 'a']);
  });

  it('shuffles inside a tier only, and asks a URL once', () => {
    const tiers = [
      ['a', 'b', 'c'],
      ['d', 'a'],
    ];
    const schedule = new AnnounceSchedule({ tiers, random: () => 0, nowMs: 0 });
    expect(schedule.snapshot().map(({ url }) => url)).to.deep.equal(['b', 'c', 'a', 'd']);
  });

  it('backs off 15 s, doubling to 30 min, and keeps the event until delivered', () => {
    const schedule = scheduleOf([['a']]);
    const waits: number[] = [];
    let nowMs = 0;
    for (let round = 0; round < 9; round += 1) {
      expect(fail(schedule, nowMs)).to.equal('a started');
      waits.push((schedule.nextDueMs - nowMs) / 1000);
      nowMs = schedule.nextDueMs;
    }
    expect(waits).to.deep.equal([15, 30, 60, 120, 240, 480, 960, 1800, 1800]);
    expect(succeed(schedule, nowMs)).to.equal('a started');
    expect(succeed(schedule, schedule.nextDueMs)).to.equal('a -');
  });

  it('never asks again where the protocol is not supported', () => {
    const schedule = scheduleOf([['udp'], ['b']]);
    fail(schedule, 0, { code: 'tracker-unsupported', message: 'udp' });
    expect(succeed(schedule, 0)).to.equal('b started');
    expect(succeed(schedule, 1_800_000)).to.equal('b -');
    const alone = scheduleOf([['udp']]);
    fail(alone, 0, { code: 'tracker-unsupported', message: 'udp' });
    expect(alone.nextDueMs).to.equal(Infinity);
  });

  it('does not count a shortage of this machine against a tracker', () => {
    const schedule = scheduleOf([['a']]);
    fail(schedule, 0);
    let nowMs = schedule.nextDueMs;
    for (const cause of ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM']) {
      expect(fail(schedule, nowMs, { ...DOWN, details: { cause } })).to.equal('a started');
      expect(schedule.nextDueMs - nowMs, cause).to.equal(LOCAL_SHORTAGE_RETRY_MS);
      nowMs = schedule.nextDueMs;
    }
    fail(schedule, nowMs, { ...DOWN, details: { cause: 'ECONNREFUSED' } });
    expect(schedule.nextDueMs - nowMs, 'its second failure').to.equal(30_000);
  });

  it('announces early for peers, but not before the min interval, and to no backup', () => {
    const schedule = scheduleOf([['a'], ['b']]);
    succeed(schedule, 0);
    schedule.wantPeers(1000);
    expect(schedule.nextDueMs).to.equal(300_000);
    expect(succeed(schedule, 299_999)).to.equal('nothing');
    expect(succeed(schedule, 300_000)).to.equal('a -');
    succeed(schedule, schedule.nextDueMs, { ...REPLY, minIntervalSec: 0 });
    const lastMs = 300_000 + 1_800_000;
    schedule.wantPeers(lastMs);
    expect(schedule.nextDueMs).to.equal(lastMs + LEAST_MIN_INTERVAL_MS);
  });

  it('sends completed once, at once, to each tracker that has not received it', () => {
    const schedule = scheduleOf([['a'], ['b']]);
    succeed(schedule, 0);
    schedule.completed(10_000);
    schedule.completed(10_000);
    expect(fail(schedule, 10_000)).to.equal('a completed');
    expect(succeed(schedule, 10_000)).to.equal('b started');
    expect(succeed(schedule, 10_000)).to.equal('b completed');
    expect(succeed(schedule, 10_000)).to.equal('nothing');
    // The first one still gets it once it is back, at the next regular announce.
    expect(schedule.nextDueMs).to.equal(1_810_000);
    expect(succeed(schedule, 1_810_000)).to.equal('a completed');
    expect(schedule.nextDueMs).to.equal(3_610_000);
  });

  it('sends no completed when the torrent was whole from the start', () => {
    const schedule = scheduleOf([['a']], true);
    succeed(schedule, 0);
    schedule.completed(1000);
    expect(schedule.nextDueMs).to.equal(1_800_000);
    expect(succeed(schedule, 1_800_000)).to.equal('a -');
  });

  it('sends started before completed where started was never delivered', () => {
    const schedule = scheduleOf([['a']]);
    fail(schedule, 0);
    schedule.completed(1000);
    expect(succeed(schedule, 15_000)).to.equal('a started');
    expect(succeed(schedule, 15_000)).to.equal('a completed');
    expect(succeed(schedule, 15_000)).to.equal('nothing');
  });

  it('prefers trackers that lack completed, and stops with the one still owed and not on its way', () => {
    const owing = (): AnnounceSchedule => {
      const schedule = scheduleOf([['a'], ['b']]);
      fail(schedule, 0);
      succeed(schedule, 0);
      schedule.completed(20_000); // The back-off of `a` is over.
      return schedule;
    };
    expect(succeed(owing(), 20_000)).to.equal('b completed');
    const lastAnnounces = (schedule: AnnounceSchedule): unknown[] =>
      schedule.stop().map(({ url, event }) => `${url} ${event}`);
    expect(lastAnnounces(owing())).to.deep.equal(['b completed', 'b stopped']);
    const underWay = owing();
    expect(underWay.next(20_000, 'completed')?.url).to.equal('b');
    expect(underWay.next(1e9, 'completed')).to.equal(undefined);
    expect(lastAnnounces(underWay)).to.deep.equal(['b stopped']);
    const answered = owing();
    succeed(answered, 20_000);
    expect(lastAnnounces(answered)).to.deep.equal(['b stopped']);
  });

  it('sends stopped to the trackers that received started, and then nothing more', () => {
    const schedule = scheduleOf([['a'], ['b'], ['c']]);
    fail(schedule, 0);
    succeed(schedule, 0, { ...REPLY, trackerId: Uint8Array.of(7) });
    succeed(schedule, 1_800_000);
    expect(schedule.stop()).to.deep.equal([
      { url: 'a', event: 'stopped', trackerId: undefined },
      { url: 'b', event: 'stopped', trackerId: Uint8Array.of(7) },
    ]);
    expect(schedule.stop()).to.deep.equal([]);
    expect(schedule.nextDueMs).to.equal(Infinity);
    expect(schedule.next(1e12)).to.equal(undefined);
  });

  it('remembers the tracker id of each tracker', () => {
    const schedule = scheduleOf([['a']]);
    succeed(schedule, 0, { ...REPLY, trackerId: Uint8Array.of(1, 2) });
    const second = schedule.next(1_800_000);
    expect(second?.trackerId).to.deep.equal(Uint8Array.of(1, 2));
    schedule.succeeded('a', REPLY, 1_800_000);
    expect(schedule.next(3_600_000)?.trackerId).to.deep.equal(Uint8Array.of(1, 2));
  });

  it('reports the state of each tracker', () => {
    const schedule = scheduleOf([['a'], ['b'], ['c']]);
    fail(schedule, 0);
    succeed(schedule, 0, { ...REPLY, seeds: 0, leechers: 1, warning: 'w' });
    const [a, b, c] = schedule.snapshot();
    expect(a).to.include({ url: 'a', tier: 0, status: 'failing', nextAnnounceMs: 1_800_000 });
    expect(a?.lastError?.message).to.equal('down');
    expect(b).to.include({ status: 'working', seeds: 0, leechers: 1, peers: 0, warning: 'w' });
    expect(c).to.include({ status: 'idle', nextAnnounceMs: undefined });
  });

  /** All announces to make now. */
  function urlsDue(schedule: AnnounceSchedule, nowMs: number): string[] {
    const urls: string[] = [];
    for (;;) {
      const due = schedule.next(nowMs);
      if (due === undefined) return urls;
      urls.push(`${due.url} ${due.event ?? '-'}`);
    }
  }

  it('announces to one tracker of every tier, side by side, where that is wanted', () => {
    const schedule = scheduleOf([['a', 'b'], ['c']], false, { announceToAll: 'tiers' });
    expect(urlsDue(schedule, 0)).to.deep.equal(['a started', 'c started']);
    schedule.succeeded('c', { ...REPLY, intervalSec: 60, minIntervalSec: 20 }, 1000);
    // `a` hangs: neither `c` nor the tier of `a` waits for what is not its own.
    expect(urlsDue(schedule, 61_000)).to.deep.equal(['c -']);
    schedule.failed('a', DOWN, 62_000);
    expect(urlsDue(schedule, 62_000)).to.deep.equal(['b started']);
    schedule.succeeded('b', REPLY, 63_000);
    schedule.succeeded('c', REPLY, 63_000);
    schedule.completed(64_000);
    expect(urlsDue(schedule, 77_000)).to.have.members(['b completed', 'c completed']);
    expect(schedule.stop().map(({ url }) => url)).to.have.members(['b', 'c']);
  });

  it('announces to every tracker where that is wanted', () => {
    const schedule = scheduleOf(
      [
        ['a', 'b'],
        ['c', 'a'],
      ],
      false,
      { announceToAll: 'trackers' },
    );
    expect(urlsDue(schedule, 0)).to.deep.equal(['a started', 'b started', 'c started']);
    schedule.failed('a', DOWN, 0);
    schedule.succeeded('b', REPLY, 0);
    expect(schedule.nextDueMs).to.equal(15_000);
    expect(urlsDue(schedule, 15_000)).to.deep.equal(['a started']);
    expect(schedule.snapshot().map(({ url, status }) => `${url} ${status}`)).to.deep.equal([
      'b working',
      'a announcing',
      'c announcing',
    ]);
  });

  it('does not wait for a slow tracker longer than its patience, and still takes its answer', () => {
    const schedule = scheduleOf([['a'], ['b'], ['c']], false, { patienceMs: 10_000 });
    expect(urlsDue(schedule, 0)).to.deep.equal(['a started']);
    expect(schedule.nextDueMs).to.equal(10_000);
    expect(urlsDue(schedule, 9_999)).to.deep.equal([]);
    expect(urlsDue(schedule, 10_000)).to.deep.equal(['b started']);
    schedule.succeeded('b', REPLY, 11_000);
    expect(urlsDue(schedule, 30_000)).to.deep.equal([]);
    schedule.succeeded('a', REPLY, 40_000);
    expect(schedule.nextDueMs).to.equal(1_840_000);
    expect(urlsDue(schedule, 1_840_000)).to.deep.equal(['a -']);
    expect(schedule.stop().map(({ url }) => url)).to.deep.equal(['a', 'b']);
  });

  it('announces again at the retry time of the tracker, not before, and not at all after `never` (BEP 31)', () => {
    const busy = {
      code: 'tracker-failure',
      message: 'busy',
      details: { reason: 'busy', retryInSec: 7200 },
    };
    const alone = scheduleOf([['a']]);
    fail(alone, 0, busy);
    alone.wantPeers(1);
    alone.completed(2);
    expect(alone.nextDueMs).to.equal(7_200_000);
    const never = {
      code: 'tracker-failure',
      message: 'no',
      details: { reason: 'no', retryNever: true },
    };
    fail(alone, 7_200_000, never);
    expect(alone.nextDueMs).to.equal(Infinity);
    expect(alone.snapshot()[0]).to.include({ status: 'gone', nextAnnounceMs: undefined });
    const known = scheduleOf([['a']]);
    succeed(known, 0);
    fail(known, 1_800_000, never);
    expect(known.stop(), 'nor is it told that we stop').to.deep.equal([]);
    const backed = scheduleOf([['a'], ['b']]);
    fail(backed, 0, never);
    expect(succeed(backed, 0)).to.equal('b started');
    expect(succeed(backed, 1_800_000)).to.equal('b -');
  });

  it('never announces to a tracker before its min interval, except events', () => {
    const action = fc.record({
      waitMs: fc.oneof(fc.constant(0), fc.nat(40_000), fc.nat(3_000_000)),
      kind: fc.constantFrom('next', 'next', 'next', 'want', 'complete'),
      ok: fc.boolean(),
      minIntervalSec: fc.option(fc.nat(2000), { nil: undefined }),
      intervalSec: fc.integer({ min: 30, max: 4000 }),
    });
    fc.assert(
      fc.property(
        fc.array(action, { maxLength: 80 }),
        fc.infiniteStream(fc.nat(999)),
        (actions, noise) => {
          const random = (): number => (noise.next().value as number) / 1000;
          const tiers = [['a', 'b'], ['c']];
          const schedule = new AnnounceSchedule({ tiers, random, nowMs: 0 });
          const notBefore = new Map<string, number>();
          const completedAt = new Set<string>();
          let nowMs = 0;
          for (const { waitMs, kind, ok, minIntervalSec, intervalSec } of actions) {
            nowMs += waitMs;
            if (kind === 'want') schedule.wantPeers(nowMs);
            if (kind === 'complete') schedule.completed(nowMs);
            const dueMs = schedule.nextDueMs;
            const due = schedule.next(nowMs);
            expect(due !== undefined).to.equal(dueMs <= nowMs);
            if (due === undefined) continue;
            if (due.event === undefined) {
              expect(nowMs).to.be.at.least(notBefore.get(due.url) ?? Infinity);
            }
            if (ok && due.event === 'completed') {
              expect(completedAt.has(due.url)).to.equal(false);
              completedAt.add(due.url);
            }
            if (ok) {
              schedule.succeeded(due.url, { intervalSec, minIntervalSec, peers: [] }, nowMs);
              const minMs = (minIntervalSec ?? Math.min(intervalSec, 60)) * 1000;
              notBefore.set(due.url, nowMs + Math.max(minMs, LEAST_MIN_INTERVAL_MS));
            } else {
              schedule.failed(due.url, DOWN, nowMs);
            }
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  describe('of a private torrent (BEP 27)', () => {
    it('asks one tracker while it works, whatever announceToAll says', () => {
      for (const announceToAll of ['none', 'tiers', 'trackers'] as const) {
        const schedule = scheduleOf([['a', 'b'], ['c']], false, { announceToAll, exclusive: true });
        expect(succeed(schedule, 0)).to.equal('a started');
        for (let ms = 0; ms < 36_000_000; ms += 1_800_000)
          expect(succeed(schedule, ms)).to.be.oneOf(['a -', 'nothing']);
        expect(schedule.current).to.equal('a');
      }
    });

    it('asks the next one only after an answer, and stays with one that works', () => {
      const schedule = scheduleOf([['a'], ['b']], false, { exclusive: true, patienceMs: 10_000 });
      const first = schedule.next(0);
      expect(schedule.next(60_000), 'it has not answered').to.equal(undefined);
      schedule.failed(first?.url ?? '', DOWN, 60_000);
      expect(schedule.current).to.equal(undefined);
      expect(succeed(schedule, 60_000)).to.equal('b started');
      expect(schedule.current).to.equal('b');
      expect(schedule.nextDueMs, 'a is not tried again').to.equal(60_000 + 1_800_000);
      expect(fail(schedule, 60_000 + 1_800_000)).to.equal('b -');
      expect(schedule.current, 'until another one works').to.equal('b');
      expect(succeed(schedule, 60_000 + 1_800_000)).to.equal('a started');
      expect(schedule.current).to.equal('a');
    });

    it('that turns out to be private keeps the tracker that answered last', () => {
      const schedule = scheduleOf([['a'], ['b']], false, { announceToAll: 'trackers' });
      succeed(schedule, 0);
      succeed(schedule, 0);
      const { current } = schedule;
      const due = [schedule.next(1_800_000), schedule.next(1_800_000)];
      schedule.beExclusive();
      for (const each of due) schedule.succeeded(each?.url ?? '', REPLY, 1_800_000);
      expect(schedule.current).to.equal(current);
      expect(succeed(schedule, 3_600_000)).to.equal(`${current} -`);
      expect(succeed(schedule, 3_600_000)).to.equal('nothing');
    });
  });
});
