// PURE. When, where and with which event one torrent announces: tiers of trackers (BEP 12), events
// kept until delivered (BEP 3), intervals and `retry in` (BEP 31), back-off after failures. Time
// and random numbers are parameters; its owner makes the announces.

import type { ErrorRecord } from '../errors/millrace-error';
import { isLackCode } from '../errors/system-error';
import type { AnnounceEvent, AnnounceReply } from './announce';

/** First wait after a failure; doubles with each further one. */
export const BACKOFF_FIRST_MS = 15_000;

/** First wait after a `failure reason`: the tracker is up and refused, so there is less hurry. */
export const BACKOFF_REFUSED_MS = 60_000;

/** Longest wait, before jitter: the usual interval, so a dead tracker costs no more than a live one. */
export const BACKOFF_MAX_MS = 1_800_000;

/**
 * Wait after an announce that failed for a shortage of this machine (descriptors, memory), as after
 * such a dial. It does not count as a failure of the tracker, so the wait does not grow.
 */
export const LOCAL_SHORTAGE_RETRY_MS = 10_000;

/** Added to each wait, up to a quarter of it, so that a swarm does not return all at once. */
export const BACKOFF_JITTER = 0.25;

/** Wait before an early announce if the tracker has no `min interval`. */
export const DEFAULT_MIN_INTERVAL_MS = 60_000;

/** Shortest wait before an early announce if its `min interval` is tiny. */
export const LEAST_MIN_INTERVAL_MS = 15_000;

/** Most trackers of a torrent that are used, in its order: no honest torrent has half as many. */
export const MAX_TRACKERS = 200;

export interface AnnounceScheduleOptions {
  /** As in the metainfo, in order (BEP 12). */
  readonly tiers: readonly (readonly string[])[];
  /** A number 0 ≤ x < 1. Shuffles tiers and adds jitter to the back-off. */
  readonly random: () => number;
  readonly nowMs: number;
  /** The torrent was complete when this run began: `completed` is then never sent (BEP 3). */
  readonly startedComplete?: boolean;
  /**
   * Which trackers are announced to. `none`: one at a time (BEP 12); `tiers`: one of each tier;
   * `trackers`: all. Default `none`.
   */
  readonly announceToAll?: AnnounceToAll;
  /**
   * The torrent is private (BEP 27): one tracker at a time, and no other one while it works;
   * `announceToAll` is ignored. Default false.
   */
  readonly exclusive?: boolean;
  /**
   * After an announce has been in flight for this long, the next tracker is asked as if it had
   * failed; its reply still counts. Default `Infinity`.
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
  /** An announce is in flight. */
  | 'announcing'
  /** The last announce got a reply. */
  | 'working'
  /** The last announce failed; it will be retried. */
  | 'failing'
  /** Its protocol is not supported; it is never asked again. */
  | 'unsupported'
  /** It replied `never` (BEP 31), and is not asked again in this run. */
  | 'gone';

export interface TrackerSnapshot {
  readonly url: string;
  readonly tier: number;
  readonly status: TrackerStatus;
  readonly lastError?: ErrorRecord;
  /** When it is asked next if nothing changes; absent for a backup that is not needed now. */
  readonly nextAnnounceMs?: number;
  /** From its last reply. */
  readonly seeds?: number;
  readonly leechers?: number;
  /** Number of peers in its last reply. */
  readonly peers?: number;
  readonly warning?: string;
  /** The address from which it sees us, as last reported (BEP 24). */
  readonly externalIp?: string;
}

interface Tracker {
  readonly url: string;
  readonly tier: number;
  readonly lane: Lane;
  status: Exclude<TrackerStatus, 'announcing'>;
  /** The announce in flight. */
  flight?: { readonly event?: AnnounceEvent; readonly sinceMs: number };
  /** In a row, without those for a shortage of this machine. */
  failures: number;
  /** End of its back-off. */
  retryMs: number;
  /** Last reply + min interval: no announce before this, except with an event. */
  minNextMs: number;
  gotStarted: boolean;
  gotCompleted: boolean;
  trackerId?: Uint8Array;
  lastError?: ErrorRecord;
  reply?: AnnounceReply;
  externalIp?: string;
}

/** Trackers that can replace each other: all of them, those of a tier, or a single one. */
interface Lane {
  /** When this lane wants to announce, at any of its trackers. */
  dueMs: number;
}

/**
 * The announces of one torrent from its start to its stop; a new schedule is needed after a pause.
 * The owner sleeps until `nextDueMs`, calls `next` until it returns nothing, makes these announces
 * in parallel, and calls `succeeded` or `failed` for each.
 */
export class AnnounceSchedule {
  private readonly tiers: Tracker[][];
  private readonly lanes: readonly Lane[];
  private exclusive: boolean;
  private used: Tracker | undefined;
  private readonly random: () => number;
  private startedComplete: boolean;
  private readonly patienceMs: number;
  private state: 'running' | 'stopped' = 'running';
  private isComplete = false;

  constructor(options: AnnounceScheduleOptions) {
    const { tiers, random, nowMs, announceToAll = 'none' } = options;
    this.random = random;
    this.startedComplete = options.startedComplete ?? false;
    this.exclusive = options.exclusive ?? false;
    this.patienceMs = options.patienceMs ?? Infinity;
    const lanes: Lane[] = [];
    const openLane = (): Lane => {
      const lane = { dueMs: nowMs };
      lanes.push(lane);
      return lane;
    };
    const common = announceToAll === 'none' ? openLane() : undefined;
    const seen = new Set<string>();
    this.tiers = tiers.map((urls, tier) => {
      const ofTier = announceToAll === 'tiers' ? openLane() : undefined;
      return shuffled(urls, random).flatMap((url) => {
        // A duplicate URL would double the announces.
        if (seen.has(url) || seen.size === MAX_TRACKERS) return [];
        seen.add(url);
        return [newTracker(url, tier, common ?? ofTier ?? openLane())];
      });
    });
    this.lanes = lanes;
  }

  /**
   * When `next` will return something; `Infinity` while only replies are awaited, or after `stop`.
   */
  get nextDueMs(): number {
    let earliestMs = Infinity;
    for (const { readyMs } of this.candidates()) earliestMs = Math.min(earliestMs, readyMs);
    return earliestMs;
  }

  /**
   * Returns an announce to make now, which is in flight until `succeeded` or `failed`; undefined if
   * there is none. `completed` comes first: a download that does not seed has only seconds to send
   * it.
   */
  next(nowMs: number, only?: AnnounceEvent): DueAnnounce | undefined {
    const ready = this.candidates().filter(({ readyMs }) => readyMs <= nowMs);
    const due = ready.map(({ tracker }) => ({ tracker, event: this.eventFor(tracker) }));
    const wanted = only === undefined ? due : due.filter(({ event }) => event === only);
    const first = wanted.find(({ event }) => event === 'completed') ?? wanted[0];
    if (first === undefined) return undefined;
    const { tracker, event } = first;
    tracker.flight = { event, sinceMs: nowMs };
    return { url: tracker.url, event, trackerId: tracker.trackerId };
  }

  /**
   * The tracker that replied last; in an exclusive schedule the one in use, which another one replaces
   * only after it has failed.
   */
  get current(): string | undefined {
    return this.used?.url;
  }

  /** The torrent turned out to be private: see the option. */
  beExclusive(): void {
    this.exclusive = true;
  }

  /** An announce in flight got a reply. */
  succeeded(url: string, reply: AnnounceReply, nowMs: number): void {
    const landed = this.land(url);
    if (landed === undefined) return;
    const { tracker, event } = landed;
    if (event === 'started') tracker.gotStarted = true;
    if (event === 'completed') tracker.gotCompleted = true;
    const minIntervalMs = minIntervalOf(reply);
    if (!this.exclusive || this.used?.status !== 'working') this.used = tracker;
    tracker.status = 'working';
    tracker.failures = 0;
    tracker.lastError = undefined;
    tracker.reply = reply;
    // A tracker sends its id once and expects it from then on.
    tracker.trackerId = reply.trackerId ?? tracker.trackerId;
    tracker.externalIp = reply.externalIp ?? tracker.externalIp;
    tracker.minNextMs = nowMs + minIntervalMs;
    this.promote(tracker);
    tracker.lane.dueMs =
      this.eventFor(tracker) === undefined
        ? nowMs + Math.max(reply.intervalSec * 1000, minIntervalMs)
        : nowMs;
  }

  /**
   * An announce in flight failed: its event is kept, and the next tracker of its lane is due at
   * once.
   */
  failed(url: string, error: ErrorRecord, nowMs: number): void {
    const tracker = this.land(url)?.tracker;
    if (tracker === undefined) return;
    const { code, message, details } = error;
    tracker.lastError = details === undefined ? { code, message } : { code, message, details };
    const isOurFault = isLackCode(details?.['cause']);
    if (!isOurFault) tracker.failures += 1;
    if (code === 'tracker-unsupported') {
      tracker.status = 'unsupported';
      return;
    }
    if (details?.['retryNever'] === true) {
      tracker.status = 'gone';
      return;
    }
    tracker.status = 'failing';
    const waitMs = isOurFault ? LOCAL_SHORTAGE_RETRY_MS : waitAfter(tracker.failures, error);
    tracker.retryMs = nowMs + waitMs * (1 + BACKOFF_JITTER * this.random());
  }

  /** More peers are wanted: announce as soon as the min interval allows. */
  wantPeers(nowMs: number): void {
    for (const lane of this.lanes) lane.dueMs = Math.min(lane.dueMs, nowMs);
  }

  /** The torrent was found complete when this run began, so `completed` is never sent. */
  foundComplete(): void {
    this.startedComplete = true;
  }

  /**
   * The download is complete. Only the first call counts, and none if the torrent started complete.
   */
  completed(nowMs: number): void {
    if (this.startedComplete || this.isComplete) return;
    this.isComplete = true;
    for (const lane of this.lanes) lane.dueMs = Math.min(lane.dueMs, nowMs);
  }

  /**
   * Ends the schedule. Returns the last announces to trackers that got `started` and did not reply
   * `never`: `completed` if it is due and not in flight, then `stopped`.
   */
  stop(): DueAnnounce[] {
    if (this.state === 'stopped') return [];
    this.state = 'stopped';
    return this.tiers.flat().flatMap((tracker) => {
      const { url, trackerId, flight } = tracker;
      tracker.flight = undefined;
      if (!tracker.gotStarted || tracker.status === 'gone') return [];
      const stopped: DueAnnounce = { url, event: 'stopped', trackerId };
      const owed = this.eventFor(tracker) === 'completed' && flight?.event !== 'completed';
      return owed ? [{ url, event: 'completed', trackerId }, stopped] : [stopped];
    });
  }

  /** Every tracker, in the order in which they are tried. */
  snapshot(): TrackerSnapshot[] {
    const readyMs = new Map(this.candidates().map((found) => [found.tracker, found.readyMs]));
    return this.tiers.flat().map((tracker) => ({
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
  private candidates(): { readonly tracker: Tracker; readonly readyMs: number }[] {
    if (this.state === 'stopped') return [];
    const trackers = this.tiers.flat();
    if (this.exclusive)
      return this.candidatesOf(this.used?.status === 'working' ? [this.used] : trackers);
    return this.lanes.flatMap((lane) =>
      this.candidatesOf(trackers.filter((tracker) => tracker.lane === lane)),
    );
  }

  /**
   * The failing trackers, in order, up to and including the first that does not fail. Later ones
   * are backups, which are asked only when all before them fail (BEP 12) or do not reply in time.
   */
  private candidatesOf(trackers: readonly Tracker[]): { tracker: Tracker; readyMs: number }[] {
    const found: { tracker: Tracker; readyMs: number }[] = [];
    let notBeforeMs = -Infinity;
    for (const { flight } of trackers) {
      if (flight !== undefined)
        notBeforeMs = this.exclusive
          ? Infinity
          : Math.max(notBeforeMs, flight.sinceMs + this.patienceMs);
    }
    if (notBeforeMs === Infinity) return found;
    for (const tracker of trackers) {
      if (tracker.status === 'unsupported' || tracker.status === 'gone') continue;
      if (tracker.flight !== undefined) continue;
      found.push({ tracker, readyMs: Math.max(this.readyMs(tracker), notBeforeMs) });
      if (tracker.status !== 'failing') break;
    }
    return found;
  }

  private readyMs(tracker: Tracker): number {
    const backoffMs = tracker.status === 'failing' ? tracker.retryMs : -Infinity;
    const minNextMs = this.eventFor(tracker) === undefined ? tracker.minNextMs : -Infinity;
    return Math.max(tracker.lane.dueMs, backoffMs, minNextMs);
  }

  /**
   * The event that this tracker has not received yet: each gets its own `started` and `completed`.
   */
  private eventFor(tracker: Tracker): AnnounceEvent | undefined {
    if (!tracker.gotStarted) return 'started';
    return this.isComplete && !tracker.gotCompleted ? 'completed' : undefined;
  }

  private land(
    url: string,
  ): { readonly tracker: Tracker; readonly event?: AnnounceEvent } | undefined {
    const tracker = this.tiers.flat().find((candidate) => candidate.url === url);
    const flight = tracker?.flight;
    if (tracker === undefined || flight === undefined) return undefined;
    tracker.flight = undefined;
    return { tracker, event: flight.event };
  }

  private promote(tracker: Tracker): void {
    const tier = this.tiers[tracker.tier] ?? [];
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
    gotStarted: false,
    gotCompleted: false,
  };
}

/** The wait that the tracker requested (BEP 31), else our own back-off. */
function waitAfter(failures: number, { code, details }: ErrorRecord): number {
  const retryInSec = details?.['retryInSec'];
  if (typeof retryInSec === 'number') return retryInSec * 1000;
  const firstMs = code === 'tracker-failure' ? BACKOFF_REFUSED_MS : BACKOFF_FIRST_MS;
  return Math.min(firstMs * 2 ** Math.min(failures - 1, 20), BACKOFF_MAX_MS);
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
