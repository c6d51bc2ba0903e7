// EDGE. Probes trackers: first the counts, while we are not in the swarm, then an announce for
// peers, then `stopped`, so that no peer is sent to us.

import { MillraceError, recordOf } from '../errors/millrace-error';
import type {
  AnnounceReply,
  AnnounceRequest,
  ScrapeReply,
  TrackerClient,
} from '../tracker/announce';
import { NAME_CAUSES } from './causes';
import type { TrackerAnswers } from './tracker-finding';

/** Time limit of a `stopped` announce. */
const STOPPED_TIMEOUT_MS = 2000;

/** Errors after which no tracker counts us. */
const NOT_TAKEN_IN: readonly string[] = [
  'tracker-failure',
  'tracker-unsupported',
  'tracker-forbidden',
];
/** Causes that mean that nothing reached the tracker. */
const NOT_REACHED: readonly string[] = ['ECONNREFUSED', ...NAME_CAUSES];

export interface TrackerProbeOptions {
  readonly client: TrackerClient;
  readonly url: string;
  /** In the form that may be shown. */
  readonly shownUrl: string;
  readonly tier: number;
  /** Has no event. */
  readonly request: AnnounceRequest;
  /**
   * The client's own limit, for the announce; the scrape, which many trackers never answer, gets
   * half of it.
   */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface TrackerProbe {
  readonly answers: TrackerAnswers;
  /** How far our clock is ahead of the tracker's, if its reply has a time. */
  readonly aheadSec?: number;
  /** Settles when the tracker knows that we are gone, or after 2 s; never rejects. */
  readonly left: Promise<void>;
}

/**
 * Probes the trackers of one host, which are often one tracker with several URLs. All are scraped
 * before the first announce, and we leave one before we announce to the next, so that none counts
 * us or returns us to ourselves. After `timeoutMs` the rest are probed in parallel. Never rejects:
 * a failure is a finding.
 */
export async function probeTrackers(
  trackers: readonly TrackerProbeOptions[],
  onProbe: (probe: TrackerProbe, url: string) => void,
): Promise<void> {
  const scraped = await Promise.all(trackers.map(scrapeOf));
  const startedMs = performance.now();
  const rest: Promise<void>[] = [];
  for (const { options, scrape } of scraped) {
    const asked = probeOne(options, scrape).then((probe) => {
      onProbe(probe, options.url);
      return probe;
    });
    if (performance.now() - startedMs >= options.timeoutMs) {
      rest.push(asked.then(() => undefined));
      continue;
    }
    const { answers, left } = await asked;
    // A tracker that did not reply is not waited for.
    if (answers.reply !== undefined && trackers.length > 1) await left;
  }
  await Promise.all(rest);
}

async function probeOne(options: TrackerProbeOptions, scrape: Scrape): Promise<TrackerProbe> {
  const { shownUrl, tier } = options;
  const startedMs = performance.now();
  const answered = await announce(options);
  const { reply, error } = answered;
  return {
    answers: {
      url: shownUrl,
      tier,
      elapsedMs: scrape.elapsedMs + performance.now() - startedMs,
      scraped: scrape.reply !== undefined,
      counts: scrape.reply?.counts[0],
      reply,
      error,
    },
    aheadSec: aheadOf(reply) ?? scrape.aheadSec,
    left: leave(options, answered),
  };
}

function aheadOf(reply: { readonly dateMs?: number } | undefined): number | undefined {
  return reply?.dateMs === undefined ? undefined : (Date.now() - reply.dateMs) / 1000;
}

interface Answered {
  /** False if the signal fired before it was sent. */
  readonly sent: boolean;
  readonly reply?: AnnounceReply;
  readonly error?: MillraceError;
}

interface Scrape {
  readonly reply?: ScrapeReply;
  readonly aheadSec?: number;
  readonly elapsedMs: number;
}

/** Many trackers have no scrape, and other problems show in the announce. */
async function scrapeOf(
  options: TrackerProbeOptions,
): Promise<{ readonly options: TrackerProbeOptions; readonly scrape: Scrape }> {
  const { client, url, request, timeoutMs, signal } = options;
  const startedMs = performance.now();
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), timeoutMs / 2);
  const limit = AbortSignal.any([signal, late.signal]);
  const reply = await client.scrape(url, [request.infoHash], limit).catch(() => undefined);
  clearTimeout(timer);
  const elapsedMs = performance.now() - startedMs;
  return { options, scrape: { reply, aheadSec: aheadOf(reply), elapsedMs } };
}

async function announce({ client, url, request, signal }: TrackerProbeOptions): Promise<Answered> {
  const sent = !signal.aborted;
  try {
    return { sent, reply: await client.announce(url, request, signal) };
  } catch (error) {
    return { sent, error: MillraceError.fromRecord(recordOf(error)) };
  }
}

/**
 * Sends `stopped`, even after a failed announce: the tracker may list us, unless it refused or was
 * never reached.
 */
async function leave(
  { client, url, request }: TrackerProbeOptions,
  { sent, reply, error }: Answered,
): Promise<void> {
  if (!sent || NOT_TAKEN_IN.includes(error?.code ?? '')) return;
  if (NOT_REACHED.includes(String(error?.details.cause))) return;
  const goodbye: AnnounceRequest = {
    ...request,
    event: 'stopped',
    numWant: 0,
    trackerId: reply?.trackerId,
  };
  const limit = AbortSignal.timeout(STOPPED_TIMEOUT_MS);
  await client.announce(url, goodbye, limit).catch(() => undefined);
}
