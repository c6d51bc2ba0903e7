// PURE. Which addresses an untrusted URL may make us contact (server-side request forgery): a
// torrent's tracker, a redirect. The address of the connection is checked, not the name.

import { isCloser, scopeOfText } from '../address/scope';
import type { AddressScope } from '../address/scope';

export interface ReachRule {
  /**
   * The user gave the URL: it may lead anywhere, and its redirects to addresses of the same kind.
   */
  readonly trusted: boolean;
  /** What an untrusted URL may request on this machine itself. */
  readonly onLoopback: 'announce' | 'scrape' | 'nothing';
}

/** One request: the first, or one caused by a redirect. */
export interface Hop {
  readonly path: string;
  /**
   * The scope of the redirecting server; `unknown` behind a proxy. Absent for the first request.
   */
  readonly redirectedFrom?: AddressScope | 'unknown';
}

/** Prefixes of acceptable local paths: services that are not trackers do not use them. */
const LOOPBACK_PATHS: Readonly<Record<ReachRule['onLoopback'], readonly string[]>> = {
  announce: ['/announce'],
  scrape: ['/announce', '/scrape'],
  nothing: [],
};

/** Ways to leave a path that some server accepts: dots, and escaped slashes. */
const LEAVES_PATH = /\.\.|\\|%2e|%2f|%5c/i;

const PLACES: Readonly<Record<AddressScope, string>> = {
  loopback: 'which is this machine',
  'link-local': 'a link-local address',
  metadata: "the address of a cloud's metadata",
  private: 'an address of a local network',
  nowhere: 'where nobody can be reached',
  public: 'a public address',
};

/**
 * Why this address (as text) must not be contacted, worded to follow the URL; undefined if it may.
 * Text that is not an IP address is refused.
 */
export function whyNotReach(address: string, hop: Hop, rule: ReachRule): string | undefined {
  const scope = scopeOfText(address) ?? 'nowhere';
  const { redirectedFrom, path } = hop;
  if (redirectedFrom === undefined && rule.trusted) return undefined;
  const place = `is at ${address}, ${PLACES[scope]}`;
  if (redirectedFrom !== undefined) {
    if (isCloser(scope, redirectedFrom === 'unknown' ? 'public' : redirectedFrom)) {
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
