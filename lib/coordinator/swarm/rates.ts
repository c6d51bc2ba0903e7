// State of the rate limits of the engine and of each torrent.

import { NO_LIMITS } from '../../messages/rates';
import type { LimitChange, LimitPeriod, RateLimits } from '../../messages/rates';
import { Granter } from '../../rate/granter';
import { changed } from './limit-rules';

/** The rate limits of an engine. */
export interface RatesState {
  /** As the user set them. */
  limits: RateLimits;
  schedule: readonly LimitPeriod[];
  /** The limits in force at this time of day. */
  inForce: RateLimits;
  /** By direction, as in `lib/rate/thread-rates.ts`. */
  readonly granters: readonly [down: Granter, up: Granter];
  /** A timer is set for the next grant. */
  isGranting: boolean;
}

export function newRates(limits: LimitChange, schedule: readonly LimitPeriod[]): RatesState {
  return {
    limits: changed(NO_LIMITS, limits),
    schedule,
    inForce: NO_LIMITS,
    granters: [new Granter(), new Granter()],
    isGranting: false,
  };
}

/** The limits of a torrent. */
export interface TorrentRates {
  /** As the user set them. */
  limits: RateLimits;
  /** The lower of its own and those of the engine. */
  inForce: RateLimits;
}

export function newTorrentRates(limits: LimitChange): TorrentRates {
  return { limits: changed(NO_LIMITS, limits), inForce: NO_LIMITS };
}
