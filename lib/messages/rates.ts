// Rate limits as plain data: those in force, changes, and schedules. All rates are bytes of payload per second.

/** The limits in force; undefined: none. */
export interface RateLimits {
  /** Payload received. */
  readonly downLimitBytesPerSec: number | undefined;
  /** Payload sent. */
  readonly upLimitBytesPerSec: number | undefined;
  /** The same for each peer. */
  readonly peerDownLimitBytesPerSec: number | undefined;
  readonly peerUpLimitBytesPerSec: number | undefined;
}

/** New limits; undefined: as before. Infinity: none. */
export type LimitChange = { readonly [Name in keyof RateLimits]?: number | undefined };

/** Limits that replace those of the engine at some times of day. */
export interface LimitPeriod extends LimitChange {
  /** Minutes since midnight, local time: from 0, and up to 1440. The period may go over midnight. */
  readonly fromMinute: number;
  readonly toMinute: number;
  /** Days on which it begins; 0 is Sunday. */
  readonly days: readonly number[];
}

export const NO_LIMITS: RateLimits = {
  downLimitBytesPerSec: undefined,
  upLimitBytesPerSec: undefined,
  peerDownLimitBytesPerSec: undefined,
  peerUpLimitBytesPerSec: undefined,
};
