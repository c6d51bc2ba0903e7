// PURE. When one torrent announces, where and with which event: tiers of trackers (BEP 12), events
// kept until delivered (BEP 3), intervals respected, back-off after failures. It is told the time
// and random numbers; whoever owns it makes the announces.

import type { ErrorRecord } from '../errors/millrace-error';
import type { AnnounceEvent, AnnounceReply } from './announce';

/** First wait after a failure; doubles with each further one. */
export const BACKOFF_FIRST_MS = 15_000;

/** First wait after a `failure reason`: the tracker is up and said no, so there is less to hurry for. */
export const BACKOFF_REFUSED_MS = 60_000;

/** Longest wait, before jitter: the usual interval, so a dead tracker costs no more than a live one. */
export const BACKOFF_MAX_MS = 1_800_000;

/** Up to a quarter on top of each wait, so that a swarm does not come back as one. */
export const BACKOFF_JITTER = 0.25;

/** Early announces wait this long where a tracker names no `min interval` … */
export const DEFAULT_MIN_INTERVAL_MS = 60_000;

/** … and at least this long where it names a tiny one. */
export const LEAST_MIN_INTERVAL_MS = 15_000;

export interface AnnounceScheduleOptions {
  /** As the metainfo has them, in order (BEP 12). */
  readonly tiers: readonly (readonly string[])[];
  /** 0 ≤ x < 1, as `Math.random`. Shuffles tiers and jitters back-off. */
  readonly random: () => number;
  readonly nowMs: number;
  /** The torrent was whole when this run began: `completed` is then never sent (BEP 3). */
  readonly startedComplete?: boolean;
}

/** The announce to make now. */
export interface DueAnnounce {
  readonly url: string;
  readonly event?: AnnounceEvent;
  readonly trackerId?: Uint8Array;
}

export type TrackerStatus =
  /** Not asked yet. */
  | 'idle'
  /** An announce is on its way. */
  | 'announcing'
  /** The last announce was answered. */
  | 'working'
  /** The last announce failed; it will be tried again. */
  | 'failing'
  /** We do not speak its protocol; never tried again. */
  | 'unsupported';

export interface TrackerSnapshot {
  readonly url: string;
  readonly tier: number;
  readonly status: TrackerStatus;
  readonly lastError?: ErrorRecord;
  /** When it is asked next if nothing changes; absent for a backup that is not needed now. */
  readonly nextAnnounceMs?: number;
  /** Of its last answer. */
  readonly seeds?: number;
  readonly leechers?: number;
  /** Number of peers in its last answer. */
  readonly peers?: number;
  readonly warning?: string;
}

interface Tracker {
  readonly url: string;
  readonly tier: number;
  status: Exclude<TrackerStatus, 'announcing'>;
  failures: number;
  /** End of its back-off. */
  retryMs: number;
  /** Last answer + min interval: no announce before this, except one that carries an event. */
  minNextMs: number;
  heardStarted: boolean;
  heardCompleted: boolean;
  trackerId?: Uint8Array;
  lastError?: ErrorRecord;
  reply?: AnnounceReply;
}

/**
 * One torrent's announces, from its start to its stop; after a pause make a new one. The owner
 * sleeps until `nextDueMs`, asks `next`, makes that announce, and tells `succeeded` or `failed`;
 * one announce is out at a time.
 */
export class AnnounceSchedule {
  readonly #tiers: Tracker[][];
  readonly #random: () => number;
  readonly #startedComplete: boolean;
  #state: 'running' | 'stopped' = 'running';
  #completed = false;
  /** When the torrent wants to announce, wherever that may be. */
  #dueMs: number;
  #inFlight: { readonly tracker: Tracker; readonly event?: AnnounceEvent } | undefined;

  constructor({ tiers, random, nowMs, startedComplete = false }: AnnounceScheduleOptions) {
    this.#random = random;
    this.#startedComplete = startedComplete;
    this.#dueMs = nowMs;
    const seen = new Set<string>();
    this.#tiers = tiers.map((urls, tier) =>
      shuffled(urls, random).flatMap((url) => {
        // Twice the same URL would be twice the announces.
        if (seen.has(url)) return [];
        seen.add(url);
        return [newTracker(url, tier)];
      }),
    );
  }

  /** When `next` will have something; `Infinity` while an announce is out, after `stop`, or without trackers. */
  get nextDueMs(): number {
    if (this.#state === 'stopped' || this.#inFlight !== undefined) return Infinity;
    let earliestMs = Infinity;
    for (const tracker of this.#reachable()) {
      earliestMs = Math.min(earliestMs, this.#readyMs(tracker));
    }
    return earliestMs;
  }

  /** The announce to make now, which is then out until `succeeded` or `failed`; undefined before its time. */
  next(nowMs: number): DueAnnounce | undefined {
    if (this.nextDueMs > nowMs) return undefined;
    const tracker = this.#reachable().find((candidate) => this.#readyMs(candidate) <= nowMs);
    if (tracker === undefined) return undefined;
    const event = this.#eventFor(tracker);
    this.#inFlight = { tracker, event };
    return { url: tracker.url, event, trackerId: tracker.trackerId };
  }

  /** The announce that is out was answered. */
  succeeded(url: string, reply: AnnounceReply, nowMs: number): void {
    const flight = this.#land(url);
    if (flight === undefined) return;
    const { tracker, event } = flight;
    if (event === 'started') tracker.heardStarted = true;
    if (event === 'completed') tracker.heardCompleted = true;
    const minIntervalMs = minIntervalOf(reply);
    tracker.status = 'working';
    tracker.failures = 0;
    tracker.lastError = undefined;
    tracker.reply = reply;
    // A tracker gives its id once and expects it ever after.
    tracker.trackerId = reply.trackerId ?? tracker.trackerId;
    tracker.minNextMs = nowMs + minIntervalMs;
    this.#promote(tracker);
    this.#dueMs =
      this.#eventFor(tracker) === undefined
        ? nowMs + Math.max(reply.intervalSec * 1000, minIntervalMs)
        : nowMs;
  }

  /** The announce that is out failed: its event is kept, and the next tracker is due at once. */
  failed(url: string, error: ErrorRecord, nowMs: number): void {
    const tracker = this.#land(url)?.tracker;
    if (tracker === undefined) return;
    const { code, message, details } = error;
    tracker.lastError = details === undefined ? { code, message } : { code, message, details };
    tracker.failures += 1;
    if (code === 'tracker-unsupported') {
      tracker.status = 'unsupported';
      return;
    }
    tracker.status = 'failing';
    const firstMs = code === 'tracker-failure' ? BACKOFF_REFUSED_MS : BACKOFF_FIRST_MS;
    const waitMs = Math.min(firstMs * 2 ** Math.min(tracker.failures - 1, 20), BACKOFF_MAX_MS);
    tracker.retryMs = nowMs + waitMs * (1 + BACKOFF_JITTER * this.#random());
  }

  /** More peers are wanted: announce as soon as the min interval allows. */
  wantPeers(nowMs: number): void {
    this.#dueMs = Math.min(this.#dueMs, nowMs);
  }

  /** The last byte of the download arrived. Only the first call counts, and none if it started whole. */
  completed(nowMs: number): void {
    if (this.#startedComplete || this.#completed) return;
    this.#completed = true;
    this.#dueMs = Math.min(this.#dueMs, nowMs);
  }

  /** Ends the schedule; the announces that say so, to the trackers that heard `started`. */
  stop(): DueAnnounce[] {
    if (this.#state === 'stopped') return [];
    this.#state = 'stopped';
    this.#inFlight = undefined;
    return this.#tiers
      .flat()
      .filter((tracker) => tracker.heardStarted)
      .map(({ url, trackerId }) => ({ url, event: 'stopped', trackerId }));
  }

  /** Every tracker in the order it is tried. */
  snapshot(): TrackerSnapshot[] {
    const reachable = this.#state === 'running' ? this.#reachable() : [];
    return this.#tiers.flat().map((tracker) => ({
      url: tracker.url,
      tier: tracker.tier,
      status: this.#inFlight?.tracker === tracker ? 'announcing' : tracker.status,
      lastError: tracker.lastError,
      nextAnnounceMs: reachable.includes(tracker) ? this.#readyMs(tracker) : undefined,
      seeds: tracker.reply?.seeds,
      leechers: tracker.reply?.leechers,
      peers: tracker.reply?.peers.length,
      warning: tracker.reply?.warning,
    }));
  }

  /**
   * The trackers that may be next: those that fail, in order, up to and with the first that does
   * not. What comes after it is a backup, and is asked only once all before it fail (BEP 12).
   */
  #reachable(): Tracker[] {
    const usable = this.#tiers.flat().filter((tracker) => tracker.status !== 'unsupported');
    const healthy = usable.findIndex((tracker) => tracker.status !== 'failing');
    return healthy < 0 ? usable : usable.slice(0, healthy + 1);
  }

  #readyMs(tracker: Tracker): number {
    const backoffMs = tracker.status === 'failing' ? tracker.retryMs : -Infinity;
    const minNextMs = this.#eventFor(tracker) === undefined ? tracker.minNextMs : -Infinity;
    return Math.max(this.#dueMs, backoffMs, minNextMs);
  }

  /** What this tracker has not heard yet: each one gets its own `started` and `completed`. */
  #eventFor(tracker: Tracker): AnnounceEvent | undefined {
    if (!tracker.heardStarted) return 'started';
    return this.#completed && !tracker.heardCompleted ? 'completed' : undefined;
  }

  #land(url: string): { readonly tracker: Tracker; readonly event?: AnnounceEvent } | undefined {
    const flight = this.#inFlight;
    if (flight === undefined || flight.tracker.url !== url) return undefined;
    this.#inFlight = undefined;
    return flight;
  }

  #promote(tracker: Tracker): void {
    const tier = this.#tiers[tracker.tier] ?? [];
    tier.splice(tier.indexOf(tracker), 1);
    tier.unshift(tracker);
  }
}

function newTracker(url: string, tier: number): Tracker {
  return {
    url,
    tier,
    status: 'idle',
    failures: 0,
    retryMs: -Infinity,
    minNextMs: -Infinity,
    heardStarted: false,
    heardCompleted: false,
  };
}

function minIntervalOf(reply: AnnounceReply): number {
  if (reply.minIntervalSec === undefined) {
    return Math.min(reply.intervalSec * 1000, DEFAULT_MIN_INTERVAL_MS);
  }
  return Math.max(reply.minIntervalSec * 1000, LEAST_MIN_INTERVAL_MS);
}

/** Fisher–Yates. */
function shuffled(urls: readonly string[], random: () => number): string[] {
  const order = [...urls];
  for (let last = order.length - 1; last > 0; last -= 1) {
    const pick = Math.min(Math.floor(random() * (last + 1)), last);
    const moved = order[last] ?? '';
    order[last] = order[pick] ?? '';
    order[pick] = moved;
  }
  return order;
}
