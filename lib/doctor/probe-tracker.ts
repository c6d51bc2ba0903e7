// EDGE. Asks one tracker everything: counts first, while we are no part of the swarm, then peers,
// then takes us out again, so that nobody is sent to a peer that is not there.

import { MillraceError, recordOf } from '../errors/millrace-error';
import type {
  AnnounceReply,
  AnnounceRequest,
  ScrapeReply,
  TrackerClient,
} from '../tracker/announce';
import type { TrackerAnswers } from './tracker-finding';

/** Nobody waits longer for a tracker to hear that we are gone. */
const STOPPED_TIMEOUT_MS = 2000;

export interface TrackerProbeOptions {
  readonly client: TrackerClient;
  readonly url: string;
  /** As it may be shown. */
  readonly shownUrl: string;
  readonly tier: number;
  /** Without an event. */
  readonly request: AnnounceRequest;
  /** The client's own, for the announce; the scrape, which many trackers never answer, gets half. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface TrackerProbe {
  readonly answers: TrackerAnswers;
  /** How far our clock is ahead of the tracker's, where it told the time. */
  readonly aheadSec?: number;
  /** Settles when the tracker knows that we are gone, or 2 s later; never rejects. */
  readonly left: Promise<void>;
}

/** Never rejects: that a tracker fails is what we want to know. */
export async function probeTracker(options: TrackerProbeOptions): Promise<TrackerProbe> {
  const { shownUrl, tier } = options;
  const startedMs = performance.now();
  const scrape = await scrapeOf(options);
  const scrapedAheadSec = aheadOf(scrape);
  const answered = await announce(options);
  const { reply, error } = answered;
  const aheadSec = aheadOf(reply) ?? scrapedAheadSec;
  const elapsedMs = performance.now() - startedMs;
  return {
    answers: {
      url: shownUrl,
      tier,
      elapsedMs,
      scraped: scrape !== undefined,
      counts: scrape?.counts[0],
      reply,
      error,
    },
    aheadSec,
    left: leave(options, answered),
  };
}

function aheadOf(reply: { readonly dateMs?: number } | undefined): number | undefined {
  return reply?.dateMs === undefined ? undefined : (Date.now() - reply.dateMs) / 1000;
}

interface Answered {
  /** False when we were told to stop before it went out. */
  readonly sent: boolean;
  readonly reply?: AnnounceReply;
  readonly error?: MillraceError;
}

/** Many trackers have no scrape, and what else is wrong the announce shows. */
async function scrapeOf({
  client,
  url,
  request,
  timeoutMs,
  signal,
}: TrackerProbeOptions): Promise<ScrapeReply | undefined> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), timeoutMs / 2);
  try {
    return await client.scrape(url, [request.infoHash], AbortSignal.any([signal, late.signal]));
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

async function announce({ client, url, request, signal }: TrackerProbeOptions): Promise<Answered> {
  const sent = !signal.aborted;
  try {
    return { sent, reply: await client.announce(url, request, signal) };
  } catch (error) {
    return { sent, error: MillraceError.fromRecord(recordOf(error)) };
  }
}

/** A tracker that did not answer in time, or that we did not wait for, may have heard us all the same. */
async function leave(
  { client, url, request }: TrackerProbeOptions,
  { sent, reply, error }: Answered,
): Promise<void> {
  const mayKnowUs =
    reply !== undefined || ['tracker-timeout', 'aborted'].includes(error?.code ?? '');
  if (!sent || !mayKnowUs) return;
  const goodbye: AnnounceRequest = {
    ...request,
    event: 'stopped',
    numWant: 0,
    trackerId: reply?.trackerId,
  };
  const limit = AbortSignal.timeout(STOPPED_TIMEOUT_MS);
  await client.announce(url, goodbye, limit).catch(() => undefined);
}
