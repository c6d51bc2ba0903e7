// PURE. When one torrent announces, where and with which event: tiers of trackers (BEP 12), events
// kept until delivered (BEP 3), intervals and `retry in` (BEP 31) respected, back-off after failures.
// Time and random numbers are parameters; its owner makes the announces.

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

/** Trackers of a torrent that are used, in its order: no honest torrent has half as many. */
export const MAX_TRACKERS = 200;

export interface AnnounceScheduleOptions {
  /** As the metainfo has them, in order (BEP 12). */
  readonly tiers: readonly (readonly string[])[];
  /** 0 ≤ x < 1, as `Math.random`. Shuffles tiers and jitters back-off. */
  readonly random: () => number;
  readonly nowMs: number;
  /** The torrent was whole when this run began: `completed` is then never sent (BEP 3). */
  readonly startedComplete?: boolean;
  /**
   * Which trackers we announce to: `none`, one at a time (BEP 12); `tiers`, one of each tier; `trackers`,
   * all of them. Default `none`.
   */
  readonly announceToAll?: AnnounceToAll;
  /**
   * After an announce has been out for this long, the next tracker is asked as if it had failed; its answer
   * still counts. Default `Infinity`.
   */
  readonly patienceMs?: number;
}

export type AnnounceToAll = 'none' | 'tiers' | 'trackers';

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
  | 'unsupported'
  /** It said never to come back (BEP 31), and we do not, in this run. */
  | 'gone';

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
  /** The address it saw us at, when it said so last (BEP 24). */
  readonly externalIp?: string;
}

interface Tracker {
  readonly url: string;
  readonly tier: number;
  readonly lane: Lane;
  status: Exclude<TrackerStatus, 'announcing'>;
  /** The announce that is out. */
  flight?: { readonly event?: AnnounceEvent; readonly sinceMs: number };
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
  externalIp?: string;
}

/** Trackers that stand in for one another: all of them, those of a tier, or a single one. */
interface Lane {
  /** When this lane wants to announce, at whichever of its trackers. */
  dueMs: number;
}

/**
 * One torrent's announces, from its start to its stop; after a pause make a new one. The owner
 * sleeps until `nextDueMs`, asks `next` until it has no more, makes those announces side by side,
 * and tells `succeeded` or `failed` for each.
 */
export class AnnounceSchedule {
  readonly #tiers: Tracker[][];
  readonly #lanes: readonly Lane[];
  readonly #random: () => number;
  #startedComplete: boolean;
  readonly #patienceMs: number;
  #state: 'running' | 'stopped' = 'running';
  #completed = false;

  constructor(options: AnnounceScheduleOptions) {
    const { tiers, random, nowMs, announceToAll = 'none' } = options;
    this.#random = random;
    this.#startedComplete = options.startedComplete ?? false;
    this.#patienceMs = options.patienceMs ?? Infinity;
    const lanes: Lane[] = [];
    const openLane = (): Lane => {
      const lane = { dueMs: nowMs };
      lanes.push(lane);
      return lane;
    };
    const common = announceToAll === 'none' ? openLane() : undefined;
    const seen = new Set<string>();
    this.#tiers = tiers.map((urls, tier) => {
      const ofTier = announceToAll === 'tiers' ? openLane() : undefined;
      return shuffled(urls, random).flatMap((url) => {
        // Twice the same URL would be twice the announces.
        if (seen.has(url) || seen.size === MAX_TRACKERS) return [];
        seen.add(url);
        return [newTracker(url, tier, common ?? ofTier ?? openLane())];
      });
    });
    this.#lanes = lanes;
  }

  /** When `next` will have something; `Infinity` while nothing but answers is waited for, or after `stop`. */
  get nextDueMs(): number {
    let earliestMs = Infinity;
    for (const { readyMs } of this.#candidates()) earliestMs = Math.min(earliestMs, readyMs);
    return earliestMs;
  }

  /**
   * An announce to make now, which is then out until `succeeded` or `failed`; undefined when there
   * is none (more). `completed` comes first: a download that is not seeded has seconds to say it.
   */
  next(nowMs: number, only?: AnnounceEvent): DueAnnounce | undefined {
    const ready = this.#candidates().filter(({ readyMs }) => readyMs <= nowMs);
    const due = ready.map(({ tracker }) => ({ tracker, event: this.#eventFor(tracker) }));
    const wanted = only === undefined ? due : due.filter(({ event }) => event === only);
    const first = wanted.find(({ event }) => event === 'completed') ?? wanted[0];
    if (first === undefined) return undefined;
    const { tracker, event } = first;
    tracker.flight = { event, sinceMs: nowMs };
    return { url: tracker.url, event, trackerId: tracker.trackerId };
  }

  /** An announce that is out was answered. */
  succeeded(url: string, reply: AnnounceReply, nowMs: number): void {
    const landed = this.#land(url);
    if (landed === undefined) return;
    const { tracker, event } = landed;
    if (event === 'started') tracker.heardStarted = true;
    if (event === 'completed') tracker.heardCompleted = true;
    const minIntervalMs = minIntervalOf(reply);
    tracker.status = 'working';
    tracker.failures = 0;
    tracker.lastError = undefined;
    tracker.reply = reply;
    // A tracker gives its id once and expects it ever after.
    tracker.trackerId = reply.trackerId ?? tracker.trackerId;
    tracker.externalIp = reply.externalIp ?? tracker.externalIp;
    tracker.minNextMs = nowMs + minIntervalMs;
    this.#promote(tracker);
    tracker.lane.dueMs =
      this.#eventFor(tracker) === undefined
        ? nowMs + Math.max(reply.intervalSec * 1000, minIntervalMs)
        : nowMs;
  }

  /** An announce that is out failed: its event is kept, and the next tracker of its lane is due at once. */
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
    if (details?.['retryNever'] === true) {
      tracker.status = 'gone';
      return;
    }
    tracker.status = 'failing';
    tracker.retryMs = nowMs + this.#waitMs(tracker.failures, error);
  }

  /** What the tracker asked for (BEP 31), else our own back-off; both with jitter on top. */
  #waitMs(failures: number, { code, details }: ErrorRecord): number {
    const retryInSec = details?.['retryInSec'];
    const firstMs = code === 'tracker-failure' ? BACKOFF_REFUSED_MS : BACKOFF_FIRST_MS;
    const waitMs =
      typeof retryInSec === 'number'
        ? retryInSec * 1000
        : Math.min(firstMs * 2 ** Math.min(failures - 1, 20), BACKOFF_MAX_MS);
    return waitMs * (1 + BACKOFF_JITTER * this.#random());
  }

  /** More peers are wanted: announce as soon as the min interval allows. */
  wantPeers(nowMs: number): void {
    for (const lane of this.#lanes) lane.dueMs = Math.min(lane.dueMs, nowMs);
  }

  /** It turned out that the torrent was whole when this run began: `completed` is never sent. */
  foundComplete(): void {
    this.#startedComplete = true;
  }

  /** The last byte of the download arrived. Only the first call counts, and none if it started whole. */
  completed(nowMs: number): void {
    if (this.#startedComplete || this.#completed) return;
    this.#completed = true;
    for (const lane of this.#lanes) lane.dueMs = Math.min(lane.dueMs, nowMs);
  }

  /**
   * Ends the schedule. Returns the last announces to trackers that got `started` and did not answer `never`:
   * `completed` where it is owed and not on its way, then `stopped`.
   */
  stop(): DueAnnounce[] {
    if (this.#state === 'stopped') return [];
    this.#state = 'stopped';
    return this.#tiers.flat().flatMap((tracker) => {
      const { url, trackerId, flight } = tracker;
      tracker.flight = undefined;
      if (!tracker.heardStarted || tracker.status === 'gone') return [];
      const stopped: DueAnnounce = { url, event: 'stopped', trackerId };
      const owed = this.#eventFor(tracker) === 'completed' && flight?.event !== 'completed';
      return owed ? [{ url, event: 'completed', trackerId }, stopped] : [stopped];
    });
  }

  /** Every tracker in the order it is tried. */
  snapshot(): TrackerSnapshot[] {
    const readyMs = new Map(this.#candidates().map((found) => [found.tracker, found.readyMs]));
    return this.#tiers.flat().map((tracker) => ({
      url: tracker.url,
      tier: tracker.tier,
      status: tracker.flight === undefined ? tracker.status : 'announcing',
      lastError: tracker.lastError,
      nextAnnounceMs: readyMs.get(tracker),
      seeds: tracker.reply?.seeds,
      leechers: tracker.reply?.leechers,
      peers: tracker.reply?.peers.length,
      warning: tracker.reply?.warning,
      externalIp: tracker.externalIp,
    }));
  }

  /** The trackers that may be next, lane by lane in order, and when each may be. */
  #candidates(): { readonly tracker: Tracker; readonly readyMs: number }[] {
    if (this.#state === 'stopped') return [];
    const trackers = this.#tiers.flat();
    return this.#lanes.flatMap((lane) =>
      this.#candidatesOf(trackers.filter((tracker) => tracker.lane === lane)),
    );
  }

  /**
   * Those that fail, in order, up to and with the first that does not. What comes after it is a
   * backup, and is asked only once all before it fail (BEP 12), or are out for too long.
   */
  #candidatesOf(trackers: readonly Tracker[]): { tracker: Tracker; readyMs: number }[] {
    const found: { tracker: Tracker; readyMs: number }[] = [];
    let notBeforeMs = -Infinity;
    for (const { flight } of trackers) {
      if (flight !== undefined)
        notBeforeMs = Math.max(notBeforeMs, flight.sinceMs + this.#patienceMs);
    }
    if (notBeforeMs === Infinity) return found;
    for (const tracker of trackers) {
      if (tracker.status === 'unsupported' || tracker.status === 'gone') continue;
      if (tracker.flight !== undefined) continue;
      found.push({ tracker, readyMs: Math.max(this.#readyMs(tracker), notBeforeMs) });
      if (tracker.status !== 'failing') break;
    }
    return found;
  }

  #readyMs(tracker: Tracker): number {
    const backoffMs = tracker.status === 'failing' ? tracker.retryMs : -Infinity;
    const minNextMs = this.#eventFor(tracker) === undefined ? tracker.minNextMs : -Infinity;
    return Math.max(tracker.lane.dueMs, backoffMs, minNextMs);
  }

  /** The event that this tracker has not got yet: each gets its own `started` and `completed`. */
  #eventFor(tracker: Tracker): AnnounceEvent | undefined {
    if (!tracker.heardStarted) return 'started';
    return this.#completed && !tracker.heardCompleted ? 'completed' : undefined;
  }

  #land(url: string): { readonly tracker: Tracker; readonly event?: AnnounceEvent } | undefined {
    const tracker = this.#tiers.flat().find((candidate) => candidate.url === url);
    const flight = tracker?.flight;
    if (tracker === undefined || flight === undefined) return undefined;
    tracker.flight = undefined;
    return { tracker, event: flight.event };
  }

  #promote(tracker: Tracker): void {
    const tier = this.#tiers[tracker.tier] ?? [];
    tier.splice(tier.indexOf(tracker), 1);
    tier.unshift(tracker);
  }
}

function newTracker(url: string, tier: number, lane: Lane): Tracker {
  return {
    url,
    tier,
    lane,
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
