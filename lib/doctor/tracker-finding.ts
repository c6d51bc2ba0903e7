// PURE. What a tracker's replies, or its failure to reply, show about the torrent.

import type { MillraceError } from '../errors/millrace-error';
import type { AnnounceReply, ScrapeCounts } from '../tracker/announce';
import type { FindingLevel, TrackerFinding } from './findings';
import { countOrNo } from '../text/counts';
import { formatElapsed } from '../text/quantities';

/** The result of probing one tracker. */
export interface TrackerAnswers {
  /** In the form that may be shown. */
  readonly url: string;
  readonly tier: number;
  readonly elapsedMs: number;
  /** Whether a scrape was answered; `counts` has this torrent's counts. */
  readonly scraped: boolean;
  readonly counts?: ScrapeCounts;
  /** Either `reply` or `error` is set. */
  readonly reply?: AnnounceReply;
  readonly error?: MillraceError;
}

/** Failure reasons about the client, which say nothing about the torrent. */
const ABOUT_US = /client|pass.?key|torrent.?pass|user|account|peer.?id|\bip\b|address/i;

/**
 * Failure reasons of trackers that do not serve this torrent. The words must be in the right order:
 * "not authorized to download this torrent" is about the client.
 */
const NOT_SERVED = [
  /\b(unregistered|unknown|deleted|no such) (torrent|info.?hash|hash)\b/i,
  /(torrent|hash|download)\b[^.;:!?]{0,30}\b(not (been )?(found|registered|authori[sz]ed|allowed|on the list)|unregistered|deleted|does not exist)\b/i,
  /\bdoes not (serve|track|know) (this|that|the) (torrent|info.?hash|hash)\b/i,
] as const;

export function trackerFinding(answers: TrackerAnswers): TrackerFinding {
  const { url, tier, elapsedMs, reply, error } = answers;
  const reason = error?.code === 'tracker-failure' ? String(error.details.reason ?? '') : undefined;
  const state = stateOf(error, reason);
  const { seeds, leechers } = countsOf(answers);
  const known = isKnown(answers, reason);
  const cause = error?.details.cause;
  const peers = reply?.peers.length ?? 0;
  const base = { url, tier, state, known, seeds, leechers, peers, reason, elapsedMs };
  return {
    check: 'tracker',
    ...base,
    completed: answers.counts?.completed,
    code: error?.code,
    cause: typeof cause === 'string' ? cause : undefined,
    level: levelOf(base),
    message: `${url}: ${wordsOf(base, error, reply?.warning)}`,
  };
}

function stateOf(
  error: MillraceError | undefined,
  reason: string | undefined,
): TrackerFinding['state'] {
  if (error === undefined) return 'answers';
  if (reason !== undefined) return 'refuses';
  return error.code === 'tracker-unsupported' ? 'unsupported' : 'fails';
}

/**
 * Counts of the scrape come first, because we were not in the swarm then; an announce counts us as
 * a leecher.
 */
function countsOf({ counts, reply }: TrackerAnswers): { seeds?: number; leechers?: number } {
  if (counts !== undefined) return { seeds: counts.seeds, leechers: counts.leechers };
  const leechers = reply?.leechers;
  return {
    seeds: reply?.seeds,
    leechers: leechers === undefined ? undefined : Math.max(0, leechers - 1),
  };
}

function isKnown(answers: TrackerAnswers, reason: string | undefined): boolean | undefined {
  const { counts, reply, scraped } = answers;
  if (reason !== undefined && refusesTorrent(reason)) return false;
  const { seeds, leechers } = countsOf(answers);
  const completed = counts?.completed ?? 0;
  if ((reply?.peers.length ?? 0) > 0 || (seeds ?? 0) + (leechers ?? 0) + completed > 0) return true;
  // A tracker that refuses us may refuse every torrent.
  if (reason !== undefined) return undefined;
  // Over UDP an unknown torrent has three zeros, over HTTP it is left out.
  return scraped || seeds !== undefined || leechers !== undefined ? false : undefined;
}

function refusesTorrent(reason: string): boolean {
  return !ABOUT_US.test(reason) && NOT_SERVED.some((pattern) => pattern.test(reason));
}

type Parts = Pick<
  TrackerFinding,
  'state' | 'known' | 'seeds' | 'leechers' | 'peers' | 'reason' | 'elapsedMs'
>;

function levelOf({ state, seeds = 0, peers }: Parts): FindingLevel {
  if (state === 'unsupported') return 'skip';
  if (state !== 'answers') return 'fail';
  return seeds > 0 || peers > 0 ? 'ok' : 'warn';
}

function wordsOf(
  { state, known, seeds, leechers, peers, reason, elapsedMs }: Parts,
  error: MillraceError | undefined,
  warning: string | undefined,
): string {
  const counts = [
    ...(seeds === undefined ? [] : [countOrNo(seeds, 'seed')]),
    ...(leechers === undefined ? [] : [countOrNo(leechers, 'leecher')]),
  ];
  if (error !== undefined) {
    const what = state === 'refuses' ? `refuses: ${reason}` : withoutSubject(error);
    return counts.length === 0 ? what : `counts ${counts.join(' and ')}, but ${what}`;
  }
  const knows = known === false ? 'answers, but does not know this torrent: ' : '';
  const warned = warning === undefined ? '' : `; it warns: ${warning}`;
  counts.push(`names ${countOrNo(peers, 'peer')}`);
  return `${knows}${counts.join(', ')} (${formatElapsed(elapsedMs)})${warned}`;
}

/** The line already begins with the URL. */
function withoutSubject({ message, details }: MillraceError): string {
  const subject = `tracker ${String(details.url)} `;
  return message.startsWith(subject) ? message.slice(subject.length) : message;
}
