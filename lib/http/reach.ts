// PURE. Which addresses a URL that somebody else wrote may make us talk to (server-side request
// forgery): a torrent's tracker, a redirect. Judged by the address that is connected to, not by its name.

import { scopeOfText } from '../address/scope';
import type { AddressScope } from '../address/scope';

export interface ReachRule {
  /** The user gave the URL: it may lead anywhere, and its redirects to the same kind of place. */
  readonly trusted: boolean;
  /** What may be asked for on this machine itself by a URL that is not trusted. */
  readonly onLoopback: 'announce' | 'scrape' | 'nothing';
}

/** One request on the way: the first, or one that a redirect asks for. */
export interface Hop {
  readonly path: string;
  /** Where the redirect came from; `unknown` behind a proxy. Absent for the first request. */
  readonly redirectedFrom?: AddressScope | 'unknown';
}

/** What local paths begin with: a service that is no tracker does not listen there. */
const LOOPBACK_PATHS: Readonly<Record<ReachRule['onLoopback'], readonly string[]>> = {
  announce: ['/announce'],
  scrape: ['/announce', '/scrape'],
  nothing: [],
};

/** Ways to leave a path that one server or another follows: dots, and slashes written as escapes. */
const LEAVES_PATH = /\.\.|\\|%2e|%2f|%5c/i;

/** Small numbers are near; a redirect must not lead nearer. */
const DISTANCE: Readonly<Record<AddressScope | 'unknown', number>> = {
  loopback: 0,
  'link-local': 1,
  metadata: 1,
  nowhere: 1,
  private: 2,
  public: 3,
  unknown: 3,
};

const PLACES: Readonly<Record<AddressScope, string>> = {
  loopback: 'which is this machine',
  'link-local': 'a link-local address',
  metadata: "the address of a cloud's metadata",
  private: 'an address of a local network',
  nowhere: 'where nobody can be reached',
  public: 'a public address',
};

/**
 * Why this address (as text) must not be asked, as the end of a sentence that begins with the URL;
 * undefined where it may. What is no IP address must not.
 */
export function whyNotReach(address: string, hop: Hop, rule: ReachRule): string | undefined {
  const scope = scopeOfText(address) ?? 'nowhere';
  const { redirectedFrom, path } = hop;
  if (redirectedFrom === undefined && rule.trusted) return undefined;
  const place = `is at ${address}, ${PLACES[scope]}`;
  if (redirectedFrom !== undefined) {
    if (DISTANCE[scope] < DISTANCE[redirectedFrom]) {
      return `${place}: no redirect may lead from farther away to there`;
    }
    if (rule.trusted && scope === redirectedFrom && scope !== 'metadata' && scope !== 'nowhere')
      return undefined;
  }
  switch (scope) {
    case 'public':
    case 'private':
      return undefined;
    case 'loopback':
      return mayAskLoopback(path, rule.onLoopback)
        ? undefined
        : `${place}, where a torrent may name only trackers with a path that begins with /announce`;
    default:
      return `${place}: a torrent or a redirect may not lead there`;
  }
}

function mayAskLoopback(path: string, what: ReachRule['onLoopback']): boolean {
  return LOOPBACK_PATHS[what].some((start) => path.startsWith(start)) && !LEAVES_PATH.test(path);
}
