import { expect } from 'chai';
import fc from 'fast-check';
import { areEqual, changed, limitsAt, lower } from '../../../lib/coordinator/swarm/limit-rules';
import { localTime } from '../../../lib/coordinator/swarm/limits';
import { NO_LIMITS } from '../../../lib/messages/rates';
import type { LimitPeriod, RateLimits } from '../../../lib/messages/rates';

const [SUN, MON, TUE, FRI, SAT] = [0, 1, 2, 5, 6];
const EVERY_DAY = [0, 1, 2, 3, 4, 5, 6];

function down(downLimitBytesPerSec: number | undefined): RateLimits {
  return { ...NO_LIMITS, downLimitBytesPerSec };
}

const at = (hours: number, minutes = 0): number => hours * 60 + minutes;

describe('coordinator/limit-rules', () => {
  it('changes the limits that are given, and lifts those that are Infinity', () => {
    const limits = { ...down(1e6), upLimitBytesPerSec: 2e6 };
    expect(changed(limits, { downLimitBytesPerSec: 5e5 })).to.deep.equal({
      ...limits,
      downLimitBytesPerSec: 5e5,
    });
    expect(changed(limits, { upLimitBytesPerSec: Infinity })).to.deep.equal(down(1e6));
    expect(changed(limits, {})).to.deep.equal(limits);
  });

  it('takes the lower of two limits', () => {
    expect(lower(down(5), down(7))).to.deep.equal(down(5));
    expect(lower(down(undefined), down(7))).to.deep.equal(down(7));
    expect(lower(NO_LIMITS, NO_LIMITS)).to.deep.equal(NO_LIMITS);
    expect(areEqual(down(5), down(5))).to.equal(true);
    expect(areEqual(down(5), NO_LIMITS)).to.equal(false);
  });

  const office: LimitPeriod = {
    fromMinute: at(8),
    toMinute: at(18),
    days: [MON, TUE, FRI],
    downLimitBytesPerSec: 1e6,
  };

  it('follows the time of day, to the minute', () => {
    const limitAt = (day: number, minute: number): number | undefined =>
      limitsAt(down(9e6), [office], { day, minute }).downLimitBytesPerSec;
    expect(limitAt(MON, at(7, 59))).to.equal(9e6);
    expect(limitAt(MON, at(8))).to.equal(1e6);
    expect(limitAt(MON, at(17, 59))).to.equal(1e6);
    expect(limitAt(MON, at(18))).to.equal(9e6);
    expect(limitAt(SUN, at(12))).to.equal(9e6);
  });

  it('goes over midnight, and over the end of the week', () => {
    const night = { ...office, fromMinute: at(22), toMinute: at(6), days: [SAT] };
    const isOn = (day: number, minute: number): boolean =>
      limitsAt(NO_LIMITS, [night], { day, minute }).downLimitBytesPerSec !== undefined;
    expect(isOn(SAT, at(21, 59))).to.equal(false);
    expect(isOn(SAT, at(22))).to.equal(true);
    expect(isOn(SUN, at(5, 59))).to.equal(true);
    expect(isOn(SUN, at(6))).to.equal(false);
    expect(isOn(SAT, at(3))).to.equal(false);
    expect(isOn(SUN, at(23))).to.equal(false);
  });

  it('uses the first period that applies, and keeps what it does not name', () => {
    const lunch = {
      ...office,
      fromMinute: at(12),
      toMinute: at(13),
      downLimitBytesPerSec: Infinity,
    };
    const limits = { ...down(9e6), upLimitBytesPerSec: 5e5 };
    const time = { day: MON, minute: at(12, 30) };
    expect(limitsAt(limits, [lunch, office], time)).to.deep.equal({
      ...limits,
      downLimitBytesPerSec: undefined,
    });
    expect(limitsAt(limits, [office, lunch], time).downLimitBytesPerSec).to.equal(1e6);
  });

  it('depends on nothing but the time: a clock may jump anywhere', () => {
    const minute = fc.nat(24 * 60 - 1);
    fc.assert(
      fc.property(minute, minute, fc.nat(6), minute, (fromMinute, toMinute, day, now) => {
        fc.pre(fromMinute !== toMinute);
        const period = { ...office, fromMinute, toMinute, days: EVERY_DAY };
        const isOn =
          limitsAt(NO_LIMITS, [period], { day, minute: now }).downLimitBytesPerSec === 1e6;
        const length = (toMinute - fromMinute + 1440) % 1440;
        expect(isOn).to.equal((now - fromMinute + 1440) % 1440 < length);
      }),
    );
  });

  describe('in a zone with summer time', () => {
    const zone = process.env.TZ;
    before(() => (process.env.TZ = 'Europe/Berlin'));
    after(() => {
      if (zone === undefined) delete process.env.TZ;
      else process.env.TZ = zone;
    });

    const night = { ...office, fromMinute: at(2, 15), toMinute: at(3, 15), days: EVERY_DAY };
    const isOn = (utc: string): boolean =>
      limitsAt(NO_LIMITS, [night], localTime(Date.parse(utc))).downLimitBytesPerSec !== undefined;

    it('skips the hour that does not exist', () => {
      // On 29 March 2026, 02:00 is followed by 03:00.
      expect(isOn('2026-03-29T00:59:00Z')).to.equal(false);
      expect(isOn('2026-03-29T01:00:00Z')).to.equal(true);
      expect(isOn('2026-03-29T01:14:00Z')).to.equal(true);
      expect(isOn('2026-03-29T01:15:00Z')).to.equal(false);
    });

    it('has the hour that exists twice both times', () => {
      // On 25 October 2026, 03:00 is followed by 02:00.
      expect(isOn('2026-10-25T00:14:00Z')).to.equal(false);
      expect(isOn('2026-10-25T00:15:00Z')).to.equal(true);
      expect(isOn('2026-10-25T01:00:00Z')).to.equal(false); // 02:00 again
      expect(isOn('2026-10-25T01:15:00Z')).to.equal(true);
      expect(isOn('2026-10-25T02:14:00Z')).to.equal(true);
      expect(isOn('2026-10-25T02:15:00Z')).to.equal(false);
    });
  });
});
