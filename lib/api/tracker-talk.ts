// The work behind `announce` and `scrape`: which trackers are asked, with what, several at a time.

import { randomBytes, randomInt } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import PQueue from 'p-queue';
import { fromHex } from '../bytes/hex';
import { MillraceError, advised, recordOf } from '../errors/millrace-error';
import { isTrackerUrl } from '../metainfo/trackers';
import type { AnnounceRequest } from '../tracker/announce';
import { TrackerClients } from '../tracker/clients';
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
import { readTorrent, type TorrentSource } from './sources';
import { buildReport, type Conversation, type Heard } from '../inspect/build-report';
import type { TrackerReport } from '../inspect/report';
import { VERSION } from './version';

export interface ScrapeOptions {
  /** Ask these instead of the torrent's: http, https or udp announce URLs. */
  readonly trackers?: readonly string[];
  /** For each tracker, in milliseconds, 100–600,000. Default 20,000. Over UDP it is asked again after 1, 3, 7 … s. */
  readonly timeoutMs?: number;
  /** Show passkeys and credentials in tracker URLs. Default false: they are masked wherever they occur. */
  readonly showSecrets?: boolean;
  /**
   * Called with each report as soon as it is there, in whatever order trackers answer. Those that are
   * returned then have no `packets`.
   */
  readonly onReport?: (report: TrackerReport) => void;
  /**
   * Ends it all; the returned promise rejects with `aborted`, once trackers that got `started` have got
   * `stopped` (2 s at most).
   */
  readonly signal?: AbortSignal;
}

export interface AnnounceOptions extends ScrapeOptions {
  /**
   * Exactly this event, once (`none` for an announce as done at regular intervals). Default:
   * `started`, and after the reply `stopped`, so that the tracker does not send peers to us.
   */
  readonly event?: 'started' | 'completed' | 'stopped' | 'none';
  /** The TCP port that we say we listen on, 1–65535. Default 6881. */
  readonly port?: number;
  /** Peers asked for, 0–1000. Default 50. */
  readonly numWant?: number;
}

const DEFAULT_TIMEOUT_MS = 20_000;
const DEFAULT_PORT = 6881;
const DEFAULT_NUM_WANT = 50;
/** One slow tracker delays no more than seven others. */
const CONCURRENT_TRACKERS = 8;
/** Packets kept of one conversation, which has a dozen at most; of a flood the rest is dropped. */
const MAX_HEARD = 64;
/** The longest that a probe waits for the answer to its `stopped`. */
const STOP_DEADLINE_MS = 2_000;
/** Said of a torrent of which only the hash is known: one block, as it must not be 0 (a seed). */
const UNKNOWN_LEFT_BYTES = 16_384;

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
  port: wholeNumber(1, 65_535, DEFAULT_PORT),
  numWant: wholeNumber(0, 1000, DEFAULT_NUM_WANT),
} satisfies Checks<AnnounceOptions>;

type Asking = ReturnType<typeof checkOptions<typeof SCRAPE>>;

/** See lib/api/announce.ts. */
export async function announce(
  source: TorrentSource,
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
    // Also of who gives up: the tracker may know us all the same.
    const cutShort = checked.signal?.aborted === true && saidSomething(talk);
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
  source: TorrentSource,
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
  /** The caller named the trackers, not the torrent. */
  readonly trusted: boolean;
  /** Those that are asked … */
  readonly urls: readonly string[];
  /** … and how many are not. */
  readonly unasked: number;
}

type Outcome = Pick<Conversation, 'announced' | 'scraped'>;
/** Runs one request with everything written down. */
type Converse = (
  kind: 'announce' | 'scrape',
  event: AnnounceRequest['event'],
  ask: (clients: TrackerClients) => Promise<Outcome>,
) => Promise<Conversation>;
type Ask = (url: string, target: Target, converse: Converse) => Promise<Conversation>;

async function atEach(source: TorrentSource, options: Asking, ask: Ask): Promise<TrackerReport[]> {
  const { signal, onReport, showSecrets, timeoutMs } = options;
  const target = await targetOf(source, options);
  const queue = new PQueue({ concurrency: CONCURRENT_TRACKERS });
  const reports = target.urls.map((url) =>
    queue.add(async () => {
      if (signal?.aborted === true) throw aborted();
      const converse = writingDown(url, target, timeoutMs);
      const talk = await ask(url, target, converse);
      if (talk.failure !== undefined && options.signal?.aborted === true) throw aborted();
      const report = leftOut(buildReport(talk, showSecrets), url, target);
      onReport?.(report);
      // They have been reported, and are not kept: all packets of 200 trackers may be hundreds of MiB.
      return onReport === undefined ? report : { ...report, packets: [] };
    }),
  );
  // Also after a failure: others may be about to say `stopped`.
  await Promise.allSettled(reports);
  return Promise.all(reports);
}

/** The report of the last tracker says how many others there are. */
function leftOut(report: TrackerReport, url: string, { urls, unasked }: Target): TrackerReport {
  if (unasked === 0 || url !== urls.at(-1)) return report;
  const hint = `only the first ${MAX_TRACKERS} trackers are asked: ${unasked} more are left out`;
  return { ...report, hints: [...report.hints, hint] };
}

/** More than a question for a connection id went out. */
function saidSomething({ heard }: Conversation): boolean {
  return heard.some(
    ({ what }) =>
      what.type === 'http-request' ||
      (what.type === 'datagram' &&
        what.direction === 'sent' &&
        udpPacketName(what.packet, 'sent') === 'announce request'),
  );
}

function writingDown(url: string, { infoHash, trusted }: Target, timeoutMs: number): Converse {
  return async (kind, event, ask) => {
    const heard: Heard[] = [];
    const startedMs = performance.now();
    const clients = new TrackerClients({
      version: VERSION,
      timeoutMs,
      trusted,
      firstWaitMs: PROBE_FIRST_WAIT_MS,
      overhear: (what) => {
        if (heard.length < MAX_HEARD) heard.push({ what, atMs: performance.now() - startedMs });
      },
    });
    const facts = { kind, url, infoHash, event, heard };
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

/** Takes our name off the tracker's list again, within 2 s. Best effort: whether it was answered. */
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

async function targetOf(source: TorrentSource, { trackers, signal }: Asking): Promise<Target> {
  if (typeof source === 'string' && /^[0-9a-f]{40}$/i.test(source)) {
    if (trackers === undefined) {
      throw badOption('trackers', 'must be given with an info hash, which names no tracker');
    }
    const infoHash = fromHex(source);
    return { infoHash, leftBytes: UNKNOWN_LEFT_BYTES, trusted: true, ...firstOf(trackers) };
  }
  const metainfo = await readTorrent(source, { signal }).catch((error: unknown) => {
    throw signal?.aborted === true ? aborted() : error;
  });
  const asked = firstOf(trackers ?? metainfo.trackers.flat());
  if (asked.urls.length === 0) {
    const sentence = `the torrent "${metainfo.name}" names no tracker`;
    throw advised('no-trackers', sentence, 'name one by the option trackers');
  }
  const { infoHash, totalLengthBytes: leftBytes } = metainfo;
  return { infoHash, leftBytes, trusted: trackers !== undefined, ...asked };
}

/** Each once, and no more of them than a download uses. */
function firstOf(named: readonly string[]): Pick<Target, 'urls' | 'unasked'> {
  const all = [...new Set(named)];
  const urls = all.slice(0, MAX_TRACKERS);
  return { urls, unasked: all.length - urls.length };
}

function aborted(): MillraceError {
  return new MillraceError('aborted', 'the conversation with the trackers was aborted');
}
