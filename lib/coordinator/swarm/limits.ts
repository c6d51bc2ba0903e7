// Rate limits: computes the limits in force from those of the user and the schedule, and sends them to
// the peer threads.

import type { RateGate } from '../../messages/peer-thread';
import type { LimitChange, LimitPeriod, RateLimits } from '../../messages/rates';
import type { Engine } from '../engine';
import { wake } from '../rest';
import type { TorrentState } from '../state';
import { areEqual, changed, limitsAt, lower } from './limit-rules';
import type { LocalTime } from './limit-rules';

/** The user sets limits of the engine, or of one torrent. */
export function changeLimits(
  engine: Engine,
  torrent: TorrentState | undefined,
  change: LimitChange,
  schedule: readonly LimitPeriod[] | undefined,
): void {
  const { rates } = engine.state;
  if (torrent !== undefined) {
    torrent.rates.limits = changed(torrent.rates.limits, change);
    applyTo(engine, torrent);
    return;
  }
  rates.limits = changed(rates.limits, change);
  if (schedule !== undefined) rates.schedule = schedule;
  followSchedule(engine);
}

/** Applies the limits of this time of day, if they differ from those in force. */
export function followSchedule(engine: Engine): void {
  const { rates, torrents } = engine.state;
  const limits = engineLimits(engine);
  if (areEqual(limits, rates.inForce)) return;
  rates.inForce = limits;
  const { downLimitBytesPerSec, upLimitBytesPerSec } = limits;
  const [down, up] = rates.granters;
  down.limitEngine(downLimitBytesPerSec, engine.nowMs());
  up.limitEngine(upLimitBytesPerSec, engine.nowMs());
  for (const torrent of torrents.values()) applyTo(engine, torrent);
}

/** The limits of the engine at this time of day. */
export function engineLimits(engine: Engine): RateLimits {
  const { limits, schedule } = engine.state.rates;
  if (schedule.length === 0) return limits;
  return limitsAt(limits, schedule, localTime(engine.clock.wallMs()));
}

/** The local time of the system's time zone, including summer time. */
export function localTime(wallMs: number): LocalTime {
  const date = new Date(wallMs);
  return { day: date.getDay(), minute: date.getHours() * 60 + date.getMinutes() };
}

/** A torrent was opened on a thread: its connections there have these limits. */
export function limitOn(engine: Engine, torrent: TorrentState, thread: number): void {
  followSchedule(engine);
  if (applyTo(engine, torrent)) return; // The limits changed, so all of its threads have orders already.
  const order = orderFor(torrent, torrent.rates.inForce);
  if (order.down === undefined && order.up === undefined) return;
  register(engine, torrent);
  engine.order(thread, order);
}

/** A torrent is closed on all threads. */
export function unlimit(engine: Engine, torrent: TorrentState): void {
  for (const granter of engine.state.rates.granters) granter.forgetTorrent(torrent.id);
}

/** True if its limits changed, and its threads have orders. */
function applyTo(engine: Engine, torrent: TorrentState): boolean {
  const { rates } = torrent;
  const before = rates.inForce;
  rates.inForce = lower(engine.state.rates.inForce, rates.limits);
  if (areEqual(before, rates.inForce)) return false;
  wake(engine, torrent);
  engine.turn.stats.add(torrent);
  if (torrent.openOn.size === 0) return false;
  register(engine, torrent);
  const order = orderFor(torrent, before);
  for (const thread of torrent.openOn) engine.order(thread, order);
  return true;
}

/** Adds the torrent to the granter of each direction in which it is limited, or removes it. */
function register(engine: Engine, { id, rates }: TorrentState): void {
  const [down, up] = engine.state.rates.granters;
  const { limits, inForce } = rates;
  const nowMs = engine.nowMs();
  if (gateOf(inForce, 'down') === undefined) down.forgetTorrent(id);
  else down.limitTorrent(id, limits.downLimitBytesPerSec, nowMs);
  if (gateOf(inForce, 'up') === undefined) up.forgetTorrent(id);
  else up.limitTorrent(id, limits.upLimitBytesPerSec, nowMs);
}

/** `before`: the limits that its connections had so far. */
function orderFor(
  { id, rates }: TorrentState,
  before: RateLimits,
): { type: 'limit-rates'; torrent: number; down: RateGate | undefined; up: RateGate | undefined } {
  const down = gateOf(rates.inForce, 'down', before);
  const up = gateOf(rates.inForce, 'up', before);
  return { type: 'limit-rates', torrent: id, down, up };
}

function gateOf(
  limits: RateLimits,
  direction: 'down' | 'up',
  before: RateLimits = limits,
): RateGate | undefined {
  const all = `${direction}LimitBytesPerSec` as const;
  const each = direction === 'down' ? 'peerDownLimitBytesPerSec' : 'peerUpLimitBytesPerSec';
  if (limits[all] === undefined && limits[each] === undefined) return undefined;
  const fell = (name: keyof RateLimits): boolean =>
    (limits[name] ?? Infinity) < (before[name] ?? Infinity);
  return { peerBytesPerSec: limits[each], lowered: fell(all) || fell(each) };
}
