// Options for rate limits: their types and checks.

import { KIB } from '../bytes/lengths';
import type { LimitPeriod } from '../messages/rates';
import { badOption, checkOptions, group, list, oneOf, optional, wrong } from './checks';
import type { Check, Checks } from './checks';

/**
 * Rate limits, in bytes of payload per second, from 1,024 to 2^40; 0 or Infinity: no limit. Messages (less
 * than 1 %) and TCP/IP headers are not counted. Peers on this machine and in the local network are limited,
 * too.
 */
export interface RateLimitOptions {
  /** Payload received. Default: no limit. */
  readonly downLimitBytesPerSec?: number | undefined;
  /** Payload sent. Default: no limit. */
  readonly upLimitBytesPerSec?: number | undefined;
  /** Payload received from each peer. Default: no limit. */
  readonly peerDownLimitBytesPerSec?: number | undefined;
  /** Payload sent to each peer. Default: no limit. */
  readonly peerUpLimitBytesPerSec?: number | undefined;
}

export type Weekday = 'mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun';

/**
 * Limits for a time of day, in the system's time zone. Limits that are given replace those of the engine;
 * the others stay.
 */
export interface TimedLimits extends RateLimitOptions {
  /** `HH:MM`, from 00:00 to 23:59. */
  readonly from: string;
  /** `HH:MM`, not included, up to 24:00. Earlier than `from`: on the next day. */
  readonly to: string;
  /** Days on which the period begins. Default: every day. */
  readonly days?: readonly Weekday[] | undefined;
}

/** Limits of `Coordinator.setLimits`; those that are not given stay as they are. */
export interface LimitOptions extends RateLimitOptions {
  /** By time of day; the first that applies is used. `[]`: none. */
  readonly limitSchedule?: readonly TimedLimits[] | undefined;
}

const LOWEST_BYTES_PER_SEC = KIB;
const HIGHEST_BYTES_PER_SEC = 2 ** 40;

const rate: Check<number | undefined> = (name, value) => {
  if (value === undefined) return undefined;
  if (value === 0 || value === Infinity) return Infinity;
  if (typeof value === 'number' && value >= LOWEST_BYTES_PER_SEC && value <= HIGHEST_BYTES_PER_SEC)
    return value;
  const range = `${LOWEST_BYTES_PER_SEC} to ${HIGHEST_BYTES_PER_SEC} bytes per second`;
  throw wrong(name, `${range}, or 0 or Infinity for no limit`, value);
};

const WEEKDAYS: readonly Weekday[] = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

const timeOfDay: Check<string> = (name, value) => {
  const minute = typeof value === 'string' ? minuteOf(value) : NaN;
  if (typeof value === 'string' && minute <= MINUTES_PER_DAY) return value;
  throw wrong(name, 'a time of day, HH:MM', value);
};

const MINUTES_PER_DAY = 24 * 60;

/** Minutes since midnight; NaN for anything but `HH:MM`. */
function minuteOf(text: string): number {
  const [, hours, minutes] = /^(\d\d):([0-5]\d)$/.exec(text) ?? [];
  return Number(hours) * 60 + Number(minutes);
}

const RATES = {
  downLimitBytesPerSec: rate,
  upLimitBytesPerSec: rate,
  peerDownLimitBytesPerSec: rate,
  peerUpLimitBytesPerSec: rate,
} satisfies Checks<RateLimitOptions>;

const period = group({
  from: timeOfDay,
  to: timeOfDay,
  days: optional(list('days', oneOf(WEEKDAYS))),
  ...RATES,
});

const schedule: Check<readonly TimedLimits[] | undefined> = optional(
  list('limits with from and to', (name, value) => {
    const { from, to, days, ...rates } = period(name, value);
    if (from === to) throw badOption(name, 'must end at another time than it begins');
    const hasLimit = Object.values(rates).some((each) => each !== undefined);
    if (!hasLimit) throw badOption(name, 'must have a limit, such as downLimitBytesPerSec');
    return { from, to, days, ...rates };
  }),
);

/** A checked schedule, as the engine takes it. */
export function periodsOf(entries: readonly TimedLimits[]): readonly LimitPeriod[] {
  return entries.map(({ from, to, days = WEEKDAYS, ...rates }) => ({
    fromMinute: minuteOf(from),
    toMinute: minuteOf(to),
    days: days.map((day) => WEEKDAYS.indexOf(day)),
    ...rates,
  }));
}

/** Checks of the limits of a torrent. */
export const RATE_LIMITS = RATES;

/** Checks of the limits of an engine. */
export const ENGINE_LIMITS = { ...RATES, limitSchedule: schedule } satisfies Checks<LimitOptions>;

/** Checks the limits of `Coordinator.setLimits`. Throws `bad-option`. */
export function engineLimits(
  limits: unknown,
): ReturnType<typeof checkOptions<typeof ENGINE_LIMITS>> {
  return checkOptions('setLimits', limits, ENGINE_LIMITS);
}

/** Checks the limits of `Torrent.setLimits`. Throws `bad-option`. */
export function torrentLimits(limits: unknown): ReturnType<typeof checkOptions<typeof RATES>> {
  return checkOptions('setLimits', limits, RATES);
}
