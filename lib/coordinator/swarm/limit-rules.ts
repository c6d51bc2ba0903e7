// PURE. The rate limits in force: those of the user, replaced by those of the time of day; of several
// limits the lowest.

import { NO_LIMITS } from '../../messages/rates';
import type { LimitChange, LimitPeriod, RateLimits } from '../../messages/rates';

const NAMES = Object.keys(NO_LIMITS) as readonly (keyof RateLimits)[];

/** A moment in local time. */
export interface LocalTime {
  /** 0 is Sunday. */
  readonly day: number;
  /** Since midnight. */
  readonly minute: number;
}

/** The limits after a change. */
export function changed(limits: RateLimits, change: LimitChange): RateLimits {
  return combine((name) => {
    const rate = change[name];
    if (rate === undefined) return limits[name];
    return rate === Infinity ? undefined : rate;
  });
}

/** The lower one of two limits. */
export function lower(a: RateLimits, b: RateLimits): RateLimits {
  return combine((name) => {
    const rate = Math.min(a[name] ?? Infinity, b[name] ?? Infinity);
    return rate === Infinity ? undefined : rate;
  });
}

export function areEqual(a: RateLimits, b: RateLimits): boolean {
  return NAMES.every((name) => a[name] === b[name]);
}

/** The limits at a time of day: those of the first period that contains it replace `limits`. */
export function limitsAt(
  limits: RateLimits,
  schedule: readonly LimitPeriod[],
  time: LocalTime,
): RateLimits {
  const period = schedule.find((each) => contains(each, time));
  return period === undefined ? limits : changed(limits, period);
}

const DAYS_PER_WEEK = 7;

function contains(
  { fromMinute, toMinute, days }: LimitPeriod,
  { day, minute }: LocalTime,
): boolean {
  const today = days.includes(day);
  if (fromMinute < toMinute) return today && fromMinute <= minute && minute < toMinute;
  const yesterday = days.includes((day + DAYS_PER_WEEK - 1) % DAYS_PER_WEEK);
  return (today && fromMinute <= minute) || (yesterday && minute < toMinute);
}

function combine(rateOf: (name: keyof RateLimits) => number | undefined): RateLimits {
  return Object.fromEntries(NAMES.map((name) => [name, rateOf(name)])) as unknown as RateLimits;
}
