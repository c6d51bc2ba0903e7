// Announces over IPv4 and IPv6 in parallel, so that the tracker knows both of our addresses (BEP
// 7), and merges the two replies.

import type { Family } from '../http/resolve';
import type { AnnounceReply, PeerAddress } from './announce';

/**
 * After one family has a reply, the other gets this much more time: a broken IPv6 must not delay
 * the peers.
 */
export const FAMILY_GRACE_MS = 2_000;

/** Error codes, the most informative first: any reply is more informative than none. */
const TELLING: readonly unknown[] = ['tracker-failure', 'tracker-http-status', 'tracker-bad-reply'];

/**
 * Runs `announce` for each family at once. Resolves with the merged replies of those that
 * succeeded; if none did, rejects with the most informative error, else the first family's. The
 * signal given to `announce` fires when the other family has a reply, even a refusal, and the grace
 * time is over.
 */
export async function announceToFamilies(
  families: readonly Family[],
  announce: (family: Family, stop: AbortSignal) => Promise<AnnounceReply>,
  stop: AbortSignal,
  graceMs: number = FAMILY_GRACE_MS,
): Promise<AnnounceReply> {
  const late = new AbortController();
  const either = AbortSignal.any([stop, late.signal]);
  let grace: NodeJS.Timeout | undefined;
  const attempts = families.map(async (family) => {
    try {
      const reply = await announce(family, either);
      grace ??= setTimeout(() => late.abort(), graceMs);
      return reply;
    } catch (error) {
      if (tellingOf(error) < TELLING.length) grace ??= setTimeout(() => late.abort(), graceMs);
      throw error;
    }
  });
  const results = await Promise.allSettled(attempts);
  clearTimeout(grace);
  const replies = results.flatMap((result) =>
    result.status === 'fulfilled' ? [result.value] : [],
  );
  if (replies.length > 0) return mergeReplies(replies);
  const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  errors.sort((a, b) => tellingOf(a) - tellingOf(b));
  throw errors[0] ?? new Error('no family to announce over');
}

function tellingOf(error: unknown): number {
  const at = TELLING.indexOf((error as { readonly code?: unknown } | null)?.code);
  return at < 0 ? TELLING.length : at;
}

/** Merges replies of the same tracker: all peers once, the longer waits, the larger counts. */
export function mergeReplies(replies: readonly AnnounceReply[]): AnnounceReply {
  const [first] = replies;
  if (first === undefined || replies.length === 1) return first ?? { intervalSec: 0, peers: [] };
  const peers = new Map<string, PeerAddress>();
  for (const reply of replies) {
    for (const peer of reply.peers) peers.set(`${peer.host} ${peer.port}`, peer);
  }
  const externalIps = replies.flatMap(({ externalIp }) => externalIp ?? []);
  return {
    intervalSec: Math.max(...replies.map(({ intervalSec }) => intervalSec)),
    minIntervalSec: largest(replies.map(({ minIntervalSec }) => minIntervalSec)),
    trackerId: firstOf(replies.map(({ trackerId }) => trackerId)),
    peers: [...peers.values()],
    seeds: largest(replies.map(({ seeds }) => seeds)),
    leechers: largest(replies.map(({ leechers }) => leechers)),
    warning: firstOf(replies.map(({ warning }) => warning)),
    externalIp: externalIps[0],
    externalIps: [...new Set(externalIps)],
    trackerIp: first.trackerIp,
    droppedPeers: replies.reduce((sum, { droppedPeers = 0 }) => sum + droppedPeers, 0),
  };
}

function largest(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}

function firstOf<T>(values: readonly (T | undefined)[]): T | undefined {
  return values.find((value) => value !== undefined);
}
