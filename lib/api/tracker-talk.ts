// The work behind `announce` and `scrape`: which trackers are asked, for what, several at a time.

import { randomBytes, randomInt } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import PQueue from 'p-queue';
import { MAX_PORT } from '../address/host-port';
import { fromHex, isSha1Hex } from '../bytes/hex';
import { MillraceError, advised, recordOf } from '../errors/millrace-error';
import type { MagnetLink } from '../metainfo/magnet';
import { isTrackerUrl } from '../metainfo/trackers';
import type { AnnounceRequest } from '../tracker/announce';
import { TrackerClients } from '../tracker/clients';
import { UNKNOWN_LEFT_BYTES } from '../tracker/limits';
import { udpPacketName } from '../inspect/dissect-udp';
import { peerIdPrefix } from '../tracker/peer-id';
import { redactUrl } from '../text/redact';
import { MAX_TRACKERS } from '../tracker/schedule';
import { PROBE_FIRST_WAIT_MS } from '../tracker/udp-exchange';
import {
  badOption,
  callback,
  checkOptions,
  flag,
  list,
  oneOf,
  optional,
  signal,
  wholeNumber,
  wrong,
} from './checks';
import type { Check, Checks } from './checks';
import { findTorrent } from './magnet';
import type { TorrentSource } from './sources';
import { buildReport, type Conversation, type Observation } from '../inspect/build-report';
import type { TrackerReport } from '../inspect/report';
import { VERSION } from './version';

/** Options of `scrape`. All are optional. */
export interface ScrapeOptions {
  /** Trackers to ask instead of the torrent's: http, https or udp announce URLs. */
  readonly trackers?: readonly string[];
  /**
   * Time limit for each tracker, in ms, 100–600,000. Default 20,000. UDP requests are repeated
   * after 1, 3, 7 … s.
   */
  readonly timeoutMs?: number;
  /**
   * Show passkeys and credentials in tracker URLs. Default false: they are masked wherever they
   * occur.
   */
  readonly showSecrets?: boolean;
  /**
   * Called with each report as soon as it is complete, in the order of the replies. The returned
   * reports then have no `packets`.
   */
  readonly onReport?: (report: TrackerReport) => void;
  /**
   * Ends the requests; the promise rejects with `aborted`, after `stopped` was announced to
   * trackers that received `started` (at most 2 s).
   */
  readonly signal?: AbortSignal;
}

/** Options of `announce`. All are optional. */
export interface AnnounceOptions extends ScrapeOptions {
  /**
   * Send exactly this event, once (`none`: a regular announce). Default: `started`, and after the
   * reply `stopped`, so that the tracker sends no peers to us.
   */
  readonly event?: 'started' | 'completed' | 'stopped' | 'none';
  /** The TCP port that we announce, 1–65535. Default 6881. */
  readonly port?: number;
  /** Number of peers requested, 0–1000. Default 50. */
  readonly numWant?: number;
}

const DEFAULT_TIMEOUT_MS = 20_000;
const DEFAULT_PORT = 6881;
const DEFAULT_NUM_WANT = 50;
/** Trackers asked at the same time: a slow one delays the others little. */
const CONCURRENT_TRACKERS = 8;
/** Packets kept per conversation, which normally has at most a dozen; more are dropped. */
const MAX_OBSERVATIONS = 64;
/** How long to wait for the reply to `stopped`. */
const STOP_DEADLINE_MS = 2_000;

const trackerUrl: Check<string> = (name, value) => {
  if (typeof value === 'string' && isTrackerUrl(value)) return value;
  const given = typeof value === 'string' ? redactUrl(value) : value;
  throw wrong(name, 'an http, https or udp announce URL', given);
};

const trackerUrls: Check<readonly string[]> = (name, value) => {
  const urls = list('http, https or udp announce URLs', trackerUrl)(name, value);
  if (urls.length > 0) return urls;
  throw wrong(name, 'a list of http, https or udp announce URLs', value);
};

const SCRAPE = {
  trackers: optional(trackerUrls),
  timeoutMs: wholeNumber(100, 600_000, DEFAULT_TIMEOUT_MS),
  showSecrets: flag(false),
  onReport: callback<(report: TrackerReport) => void>(),
  signal,
} satisfies Checks<ScrapeOptions>;

const EVENTS = ['started', 'completed', 'stopped', 'none'] as const;

const ANNOUNCE = {
  ...SCRAPE,
  event: optional(oneOf(EVENTS, 'started')),
  port: wholeNumber(1, MAX_PORT, DEFAULT_PORT),
  numWant: wholeNumber(0, 1000, DEFAULT_NUM_WANT),
} satisfies Checks<AnnounceOptions>;

type Asking = ReturnType<typeof checkOptions<typeof SCRAPE>>;

/** See lib/api/announce.ts. */
export async function announce(
  source: TorrentSource | MagnetLink,
  options: AnnounceOptions,
): Promise<TrackerReport[]> {
  const checked = checkOptions('announce', options, ANNOUNCE);
  const { port, numWant, event = 'started' } = checked;
  return atEach(source, checked, async (url, target, conversation) => {
    const { infoHash, leftBytes, trusted } = target;
    const request: AnnounceRequest = {
      infoHash,
      peerId: Buffer.concat([Buffer.from(peerIdPrefix(VERSION)), randomBytes(12)]),
      port,
      uploadedBytes: 0,
      downloadedBytes: 0,
      leftBytes: event === 'completed' ? 0 : leftBytes,
      event: event === 'none' ? undefined : event,
      numWant: event === 'stopped' ? 0 : numWant,
      key: randomInt(2 ** 32),
    };
    let stoppedAfter: boolean | undefined;
    const talk = await conversation('announce', request.event, async (clients) => {
      const reply = await clients.announce(url, request, checked.signal);
      return { announced: reply };
    });
    // Also after an abort: the tracker may have registered us.
    const cutShort = checked.signal?.aborted === true && sentSomething(talk);
    if (checked.event === undefined && (talk.announced !== undefined || cutShort)) {
      stoppedAfter = await leave(url, trusted, {
        ...request,
        trackerId: talk.announced?.trackerId,
      });
    }
    return { ...talk, stoppedAfter };
  });
}

/** See lib/api/announce.ts. */
export async function scrape(
  source: TorrentSource | MagnetLink,
  options: ScrapeOptions,
): Promise<TrackerReport[]> {
  const checked = checkOptions('scrape', options, SCRAPE);
  return atEach(source, checked, (url, { infoHash }, conversation) =>
    conversation('scrape', undefined, async (clients) => ({
      scraped: await clients.scrape(url, [infoHash], checked.signal),
    })),
  );
}

interface Target {
  readonly infoHash: Uint8Array;
  readonly leftBytes: number;
  /** The trackers were named by the caller, not by the torrent. */
  readonly trusted: boolean;
  /** Trackers that are asked. */
  readonly urls: readonly string[];
  /** Number of trackers that are not asked. */
  readonly unasked: number;
}

type Outcome = Pick<Conversation, 'announced' | 'scraped'>;
/** Makes one request and records everything about it. */
type Converse = (
  kind: 'announce' | 'scrape',
  event: AnnounceRequest['event'],
  ask: (clients: TrackerClients) => Promise<Outcome>,
) => Promise<Conversation>;
type Ask = (url: string, target: Target, converse: Converse) => Promise<Conversation>;

async function atEach(
  source: TorrentSource | MagnetLink,
  options: Asking,
  ask: Ask,
): Promise<TrackerReport[]> {
  const { signal, onReport, showSecrets, timeoutMs } = options;
  const target = await targetOf(source, options);
  const queue = new PQueue({ concurrency: CONCURRENT_TRACKERS });
  const reports = target.urls.map((url) =>
    queue.add(async () => {
      if (signal?.aborted === true) throw aborted();
      const converse = recording(url, target, timeoutMs);
      const talk = await ask(url, target, converse);
      if (talk.failure !== undefined && options.signal?.aborted === true) throw aborted();
      const report = leftOut(buildReport(talk, showSecrets), url, target);
      onReport?.(report);
      // Not kept, because they were reported: the packets of 200 trackers may take hundreds of MiB.
      return onReport === undefined ? report : { ...report, packets: [] };
    }),
  );
  // Also after a failure: other requests may be about to announce `stopped`.
  await Promise.allSettled(reports);
  return Promise.all(reports);
}

/** Adds the number of trackers left out to the report of the last one. */
function leftOut(report: TrackerReport, url: string, { urls, unasked }: Target): TrackerReport {
  if (unasked === 0 || url !== urls.at(-1)) return report;
  const hint = `only the first ${MAX_TRACKERS} trackers are asked: ${unasked} more are left out`;
  return { ...report, hints: [...report.hints, hint] };
}

/** Whether more was sent than a request for a connection id. */
function sentSomething({ observations }: Conversation): boolean {
  return observations.some(
    ({ what }) =>
      what.type === 'http-request' ||
      (what.type === 'datagram' &&
        what.direction === 'sent' &&
        udpPacketName(what.packet, 'sent') === 'announce request'),
  );
}

function recording(url: string, { infoHash, trusted }: Target, timeoutMs: number): Converse {
  return async (kind, event, ask) => {
    const observations: Observation[] = [];
    const startedMs = performance.now();
    const clients = new TrackerClients({
      version: VERSION,
      timeoutMs,
      trusted,
      firstWaitMs: PROBE_FIRST_WAIT_MS,
      overhear: (what) => {
        if (observations.length < MAX_OBSERVATIONS)
          observations.push({ what, atMs: performance.now() - startedMs });
      },
    });
    const facts = { kind, url, infoHash, event, observations };
    try {
      const outcome = await ask(clients);
      return { ...facts, ...outcome, elapsedMs: performance.now() - startedMs };
    } catch (error) {
      return { ...facts, failure: recordOf(error), elapsedMs: performance.now() - startedMs };
    } finally {
      clients.close();
    }
  };
}

/** Announces `stopped`, within 2 s. Returns whether the tracker replied. */
async function leave(url: string, trusted: boolean, request: AnnounceRequest): Promise<boolean> {
  const clients = new TrackerClients({
    version: VERSION,
    timeoutMs: STOP_DEADLINE_MS,
    trusted,
    firstWaitMs: PROBE_FIRST_WAIT_MS,
  });
  try {
    await clients.announce(url, { ...request, event: 'stopped', numWant: 0 });
    return true;
  } catch {
    return false;
  } finally {
    clients.close();
  }
}

async function targetOf(
  source: TorrentSource | MagnetLink,
  { trackers, signal }: Asking,
): Promise<Target> {
  if (typeof source === 'string' && isSha1Hex(source)) {
    if (trackers === undefined) {
      throw badOption('trackers', 'must be given with an info hash, which names no tracker');
    }
    const infoHash = fromHex(source);
    return { infoHash, leftBytes: UNKNOWN_LEFT_BYTES, trusted: true, ...firstOf(trackers) };
  }
  const found = await findTorrent(source, { signal: signal }).catch((error: unknown) => {
    throw signal?.aborted === true ? aborted() : error;
  });
  const asked = firstOf(trackers ?? found.trackers.flat());
  if (asked.urls.length === 0) {
    const sentence = `the torrent "${found.name}" names no tracker`;
    throw advised('no-trackers', sentence, 'name one by the option trackers');
  }
  const { infoHash, metainfo } = found;
  const leftBytes = metainfo?.totalLengthBytes ?? UNKNOWN_LEFT_BYTES;
  return { infoHash, leftBytes, trusted: trackers !== undefined, ...asked };
}

/** Removes duplicates, and limits the number to what a download uses. */
function firstOf(named: readonly string[]): Pick<Target, 'urls' | 'unasked'> {
  const all = [...new Set(named)];
  const urls = all.slice(0, MAX_TRACKERS);
  return { urls, unasked: all.length - urls.length };
}

function aborted(): MillraceError {
  return new MillraceError('aborted', 'the conversation with the trackers was aborted');
}
