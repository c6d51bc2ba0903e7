// The options for rate limits, and a schedule of them: `mon-fri 08:00-18:00 down=1M up=200K`.

import { InvalidArgumentError, Option } from 'commander';
import { KIB } from '../../bytes/lengths';
import type { LimitOptions, TimedLimits, Weekday } from '../../index';
import { size } from './quantities';

export interface LimitFlags {
  /** Bytes per second; 0: no limit. */
  readonly downLimit?: number;
  readonly upLimit?: number;
  readonly peerDownLimit?: number;
  readonly peerUpLimit?: number;
  readonly limitSchedule?: readonly TimedLimits[];
}

const sizePerSec = size({
  lowBytes: KIB,
  highBytes: 2 ** 40,
  plain: 'B',
  example: '5M or 200K, per second, or 0 for no limit',
});

/** `5M`: bytes per second. */
function rate(text: string): number {
  return text === '0' ? 0 : sizePerSec(text);
}

const WEEKDAYS: readonly Weekday[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

const LIMIT_NAMES: Readonly<Record<string, keyof LimitOptions>> = {
  down: 'downLimitBytesPerSec',
  up: 'upLimitBytesPerSec',
  'peer-down': 'peerDownLimitBytesPerSec',
  'peer-up': 'peerUpLimitBytesPerSec',
};

const SPAN = /^([01]\d|2[0-3]):([0-5]\d)-(([01]\d|2[0-3]):[0-5]\d|24:00)$/;

/** One entry of the schedule, repeatable. */
export function timedLimits(
  text: string,
  before: readonly TimedLimits[] = [],
): readonly TimedLimits[] {
  const words = text.trim().split(/\s+/);
  const days = SPAN.test(words[0] ?? '') ? undefined : daysOf(words.shift() ?? '');
  const span = words.shift() ?? '';
  const [from = '', to = ''] = span.split('-');
  if (!SPAN.test(span) || from === to) throw wrong('time of day');
  const limits: Record<string, number> = {};
  for (const word of words) {
    const [key = '', value = '', ...more] = word.split('=');
    const name = LIMIT_NAMES[key];
    if (name === undefined || more.length > 0) throw wrong('limits');
    limits[name] = rate(value);
  }
  if (words.length === 0) throw wrong('limits');
  return [...before, { from, to, ...(days !== undefined && { days }), ...limits }];
}

/** `mon-fri,sun` */
function daysOf(text: string): readonly Weekday[] {
  return text
    .toLowerCase()
    .split(',')
    .flatMap((part) => {
      const [first = '', last = first, ...more] = part.split('-');
      const from = WEEKDAYS.findIndex((day) => day === first);
      const to = WEEKDAYS.findIndex((day) => day === last);
      if (from < 0 || to < 0 || more.length > 0) throw wrong('days');
      const count = ((to - from + WEEKDAYS.length) % WEEKDAYS.length) + 1;
      return [...WEEKDAYS, ...WEEKDAYS].slice(from, from + count);
    });
}

function wrong(what: string): InvalidArgumentError {
  return new InvalidArgumentError(
    `It has no valid ${what}. Allowed: days if not all, a time of day, and limits, ` +
      `such as 'mon-fri 08:00-18:00 down=1M up=200K' or '22:00-06:00 down=0' (no limit).`,
  );
}

export function limitOptions(): readonly Option[] {
  const option = (flag: string, what: string): Option =>
    new Option(`${flag} <RATE>`, what).argParser(rate);
  return [
    option('--down-limit', 'most payload received per second: 5M, 200K; 0: no limit'),
    option('--up-limit', 'most payload sent per second'),
    option('--peer-down-limit', 'most payload received per second from each peer'),
    option('--peer-up-limit', 'most payload sent per second to each peer'),
    new Option(
      '--limit-schedule <ENTRY>',
      "other limits by time of day: 'mon-fri 08:00-18:00 down=1M up=200K'; repeatable",
    ).argParser(timedLimits),
  ];
}

/** The limits of an engine. */
export function limitsOf(flags: LimitFlags): LimitOptions {
  return {
    downLimitBytesPerSec: flags.downLimit,
    upLimitBytesPerSec: flags.upLimit,
    peerDownLimitBytesPerSec: flags.peerDownLimit,
    peerUpLimitBytesPerSec: flags.peerUpLimit,
    limitSchedule: flags.limitSchedule,
  };
}
