// The work behind `announce` and `scrape`: which trackers are asked, with what, several at a time.

import { randomBytes, randomInt } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import PQueue from 'p-queue';
import { fromHex } from '../bytes/hex';
import { MillraceError, recordOf } from '../errors/millrace-error';
import { isTrackerUrl } from '../metainfo/trackers';
import type { AnnounceReply, AnnounceRequest } from '../tracker/announce';
import { TrackerClients } from '../tracker/clients';
import { peerIdPrefix } from '../tracker/peer-id';
import { redactUrl } from '../tracker/redact';
import type { AnnounceOptions, ScrapeOptions, TrackerReport } from './announce';
import { readTorrent, type TorrentSource } from './sources';
import { buildReport, type Conversation, type Heard } from './tracker-report';
import { VERSION } from './version';

const DEFAULT_TIMEOUT_MS = 20_000;
const DEFAULT_PORT = 6881;
const DEFAULT_NUM_WANT = 50;
/** One slow tracker delays no more than seven others. */
const CONCURRENT_TRACKERS = 8;
/** What of a flood of packets is kept: a conversation has a dozen at the most. */
const MAX_HEARD = 64;
/** What a probe waits for at the most for the answer to its `stopped`. */
const STOP_DEADLINE_MS = 2_000;
/** Said of a torrent of which only the hash is known: one block, as it must not be 0 (a seed). */
const UNKNOWN_LEFT_BYTES = 16_384;

/** See lib/api/announce.ts. */
export async function announce(
  source: TorrentSource,
  options: AnnounceOptions,
): Promise<TrackerReport[]> {
  const port = integer('port', options.port, 1, 65_535, DEFAULT_PORT);
  const numWant = integer('numWant', options.numWant, 0, 1000, DEFAULT_NUM_WANT);
  const { event = 'started' } = options;
  if (!['started', 'completed', 'stopped', 'none'].includes(event)) {
    throw badOption('event', 'started, completed, stopped or none', event);
  }
  return atEach(source, options, async (url, { infoHash, leftBytes }, conversation) => {
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
      const reply = await clients.announce(url, request, options.signal);
      return { announced: reply };
    });
    if (options.event === undefined && talk.announced !== undefined) {
      stoppedAfter = await leave(url, request, talk.announced, options.signal);
    }
    return { ...talk, stoppedAfter };
  });
}

/** See lib/api/announce.ts. */
export async function scrape(
  source: TorrentSource,
  options: ScrapeOptions,
): Promise<TrackerReport[]> {
  return atEach(source, options, (url, { infoHash }, conversation) =>
    conversation('scrape', undefined, async (clients) => ({
      scraped: await clients.scrape(url, [infoHash], options.signal),
    })),
  );
}

interface Target {
  readonly infoHash: Uint8Array;
  readonly leftBytes: number;
  readonly urls: readonly string[];
}

type Outcome = Pick<Conversation, 'announced' | 'scraped'>;
/** Runs one request with everything written down. */
type Converse = (
  kind: 'announce' | 'scrape',
  event: AnnounceRequest['event'],
  ask: (clients: TrackerClients) => Promise<Outcome>,
) => Promise<Conversation>;
type Ask = (url: string, target: Target, converse: Converse) => Promise<Conversation>;

async function atEach(
  source: TorrentSource,
  options: ScrapeOptions,
  ask: Ask,
): Promise<TrackerReport[]> {
  const { signal, onReport, showSecrets = false } = options;
  const timeoutMs = integer('timeoutMs', options.timeoutMs, 100, 600_000, DEFAULT_TIMEOUT_MS);
  const target = await targetOf(source, options);
  const queue = new PQueue({ concurrency: CONCURRENT_TRACKERS });
  const reports = target.urls.map((url) =>
    queue.add(async () => {
      if (signal?.aborted === true) throw aborted();
      const converse = writingDown(url, target.infoHash, timeoutMs, signal);
      const report = buildReport(await ask(url, target, converse), showSecrets);
      onReport?.(report);
      return report;
    }),
  );
  return Promise.all(reports);
}

function writingDown(
  url: string,
  infoHash: Uint8Array,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Converse {
  return async (kind, event, ask) => {
    const heard: Heard[] = [];
    const startedMs = performance.now();
    const clients = new TrackerClients({
      version: VERSION,
      timeoutMs,
      overhear: (what) => {
        if (heard.length < MAX_HEARD) heard.push({ what, atMs: performance.now() - startedMs });
      },
    });
    const facts = { kind, url, infoHash, event, heard };
    try {
      const outcome = await ask(clients);
      return { ...facts, ...outcome, elapsedMs: performance.now() - startedMs };
    } catch (error) {
      if (signal?.aborted === true) throw aborted();
      return { ...facts, failure: recordOf(error), elapsedMs: performance.now() - startedMs };
    } finally {
      clients.close();
    }
  };
}

/** Takes our name off the tracker's list again. Best effort: whether it was answered. */
async function leave(
  url: string,
  request: AnnounceRequest,
  { trackerId }: AnnounceReply,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const clients = new TrackerClients({ version: VERSION, timeoutMs: STOP_DEADLINE_MS });
  try {
    await clients.announce(url, { ...request, event: 'stopped', numWant: 0, trackerId }, signal);
    return true;
  } catch {
    return false;
  } finally {
    clients.close();
  }
}

async function targetOf(source: TorrentSource, options: ScrapeOptions): Promise<Target> {
  const { trackers, signal } = options;
  const bad = trackers?.find((url) => typeof url !== 'string' || !isTrackerUrl(url));
  if (bad !== undefined || trackers?.length === 0) {
    throw badOption(
      'trackers',
      'a list of http, https or udp announce URLs',
      bad === undefined ? 'an empty one' : `"${redactUrl(String(bad))}"`,
    );
  }
  if (typeof source === 'string' && /^[0-9a-f]{40}$/i.test(source)) {
    if (trackers === undefined) {
      throw badOption('trackers', 'given with an info hash, which names no tracker', 'absent');
    }
    return { infoHash: fromHex(source), leftBytes: UNKNOWN_LEFT_BYTES, urls: unique(trackers) };
  }
  const metainfo = await readTorrent(source, { signal });
  const urls = unique(trackers ?? metainfo.trackers.flat());
  if (urls.length === 0) {
    throw new MillraceError(
      'no-trackers',
      `the torrent "${metainfo.name}" names no tracker: name one (option trackers, --tracker)`,
    );
  }
  return { infoHash: metainfo.infoHash, leftBytes: metainfo.totalLengthBytes, urls };
}

function unique(urls: readonly string[]): readonly string[] {
  return [...new Set(urls)];
}

function integer(
  name: string,
  value: number | undefined,
  low: number,
  high: number,
  fallback: number,
): number {
  if (value === undefined) return fallback;
  if (Number.isInteger(value) && value >= low && value <= high) return value;
  throw badOption(name, `a whole number from ${low} to ${high}`, value);
}

function badOption(name: string, allowed: string, value: unknown): MillraceError {
  return new MillraceError(
    'bad-option',
    `option ${name} must be ${allowed}, not ${String(value)}`,
    { option: name },
  );
}

function aborted(): MillraceError {
  return new MillraceError('aborted', 'the conversation with the trackers was aborted');
}
