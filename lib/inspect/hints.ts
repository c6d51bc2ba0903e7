// What a puzzling conversation with a tracker probably means, and what to do: sentences for users,
// derived from what was sent and received.

import { isSha1Hex, toHex } from '../bytes/hex';
import { percentEncode } from '../bytes/percent';
import type { AnnounceEvent } from '../tracker/announce';

/** The facts that hints are derived from. */
export interface ConversationFacts {
  readonly kind: 'announce' | 'scrape';
  /** The full announce URL. */
  readonly url: string;
  readonly infoHash: Uint8Array;
  readonly event?: AnnounceEvent;
  /** Code of the request's error (announce.ts); absent if there was a reply. */
  readonly failureCode?: string;
  /** The tracker's text of its refusal. */
  readonly failureReason?: string;
  /** The system's code if there was no connection, such as `ECONNREFUSED`. */
  readonly cause?: string;
  /** HTTP status of the last reply. */
  readonly status?: number;
  /** Decompressed body of the last HTTP reply, or the received bytes if they are not HTTP. */
  readonly body?: Uint8Array;
  /** Number of bytes after a complete HTTP reply, except blanks. */
  readonly bytesAfterReply?: number;
  /** The target of redirects; absent if there were none. */
  readonly redirectedTo?: string;
  /** Names of the received UDP packets, such as `connect reply`. */
  readonly packetsReceived?: readonly string[];
  readonly packetsSent?: number;
  /** Number of peers that can be dialled, and of those left out of the reply. */
  readonly peers?: number;
  readonly droppedPeers?: number;
  readonly seeds?: number;
  readonly leechers?: number;
}

type Hint = (facts: ConversationFacts) => string | undefined;

/** The matching sentences, the most informative first. */
export function hintsFor(facts: ConversationFacts): string[] {
  return HINTS.flatMap((hint) => hint(facts) ?? []);
}

const HINTS: readonly Hint[] = [
  hashInUrl,
  brokenEscape,
  refused,
  notHttp,
  webPage,
  emptyAnswer,
  badStatus,
  noPath,
  redirected,
  bytesAfter,
  forbidden,
  unreachable,
  noAnswer,
  unsupported,
  nobodyThere,
  onlyUndialable,
  zeroCounts,
];

function parsed(url: string): URL | undefined {
  return URL.canParse(url) ? new URL(url) : undefined;
}

function isHttp(url: string): boolean {
  return /^https?:/i.test(url);
}

/** The value of a key in the announce URL itself, unchanged. */
function ownParameter(url: string, key: string): string | undefined {
  const pairs = (parsed(url)?.search ?? '').slice(1).split('&');
  return pairs.find((pair) => pair.startsWith(`${key}=`))?.slice(key.length + 1);
}

function hashInUrl({ url }: ConversationFacts): string | undefined {
  const given = ownParameter(url, 'info_hash');
  if (given === undefined) return undefined;
  const hex = isSha1Hex(given)
    ? 'it is 40 hex digits, which a tracker reads as 40 characters, where 20 raw bytes are wanted'
    : 'a tracker may read either of the two';
  return `the announce URL has an info_hash of its own, and ${hex}: leave it out, Millrace adds the right one`;
}

function brokenEscape({ url }: ConversationFacts): string | undefined {
  const { pathname = '', search = '' } = parsed(url) ?? {};
  const address = `${pathname}${search}`;
  if (/%25[0-9a-f]{2}/i.test(address)) {
    return 'the announce URL is escaped twice ("%25" stands for "%"): a key in it does not arrive as the tracker gave it';
  }
  if (!/%(?![0-9a-f]{2})/i.test(address)) return undefined;
  return 'the announce URL has a "%" that no two hex digits follow: write "%25" for the character itself';
}

/** Meanings of failure reasons. The first match is used. */
const REASONS: readonly (readonly [RegExp, (facts: ConversationFacts) => string])[] = [
  [
    /peer.?id|user.?agent|client.*(ban|allow|support|whitelist|old|accept)|(ban|allow).*client/i,
    () => 'the tracker picks clients by peer id and User-Agent: it must allow "-MR" for Millrace',
  ],
  [
    /pass.?key|auth.?key|torrent.?pass|log.?in|unauthori[sz]ed|not authori[sz]ed user|account|permission/i,
    () =>
      'the tracker wants a key that it knows: fetch the .torrent again from its site, whose announce URL has your present key',
  ],
  [
    /info.?hash.*(length|invalid|malformed|bad|wrong|20|miss)|(invalid|malformed|bad|wrong|miss).*info.?hash/i,
    ({ infoHash }) =>
      `info_hash must be the 20 raw bytes, escaped one by one, not 40 hex digits and not text: ${bothWays(infoHash)}`,
  ],
  [
    /unregistered|not registered|unknown|not found|not exist|not authori[sz]ed|not tracked|whitelist|no such|not served?|not serve|deleted|invalid torrent|torrent.*(denied|removed|banned)/i,
    ({ infoHash }) =>
      `the tracker does not know this info hash: is it the .torrent that this tracker serves, unchanged? A change inside its "info" makes it another torrent; ${bothWays(infoHash)}`,
  ],
  [
    /too (many|often|fast|frequent|soon|early)|slow down|rate.?limit|wait|interval|flood|retry/i,
    () =>
      'the tracker was asked too often from this address: wait for its interval, then ask again',
  ],
  [
    /connectable|unreachable|firewall|\bport\b/i,
    () =>
      'the tracker looks at the port that peers shall dial: name the one you listen on by the option port',
  ],
  [
    /missing|required|parameter|argument|malformed|invalid request|bad request/i,
    () =>
      'the tracker misses a key of the request: compare the fields sent, above, with what it asks for',
  ],
];

function refused(facts: ConversationFacts): string | undefined {
  const { failureReason } = facts;
  if (failureReason === undefined) return undefined;
  return REASONS.find(([pattern]) => pattern.test(failureReason))?.[1](facts);
}

function bothWays(infoHash: Uint8Array): string {
  return `in hex it is ${toHex(infoHash)}, and it was sent as ${percentEncode(infoHash)}`;
}

/** A TLS alert record: content type 21, major version 3. */
function notHttp({ url, failureCode, body, cause }: ConversationFacts): string | undefined {
  if (cause === 'EPROTO' || /^ERR_SSL/.test(cause ?? '')) {
    return 'this port does not speak TLS: try http:// in the place of https://';
  }
  if (failureCode !== 'tracker-bad-reply' || cause?.startsWith('HPE_') !== true) return undefined;
  if (body?.[0] === 21 && body[1] === 3 && /^http:/i.test(url)) {
    return 'this port speaks TLS: try https:// in the place of http://';
  }
  return 'what answers on this port is no web server: is it the right one?';
}

function startsLikeHtml(body: Uint8Array | undefined): boolean {
  if (body === undefined) return false;
  const head = Buffer.from(body.subarray(0, 200)).toString('latin1').trimStart();
  return /^(\u00ef\u00bb\u00bf)?<(!doctype|html|head|body|title|\?xml|!--|h1|center)/i.test(head);
}

function webPage({
  failureCode,
  failureReason,
  body,
  status,
}: ConversationFacts): string | undefined {
  if (failureCode === undefined || failureReason !== undefined) return undefined;
  if (!startsLikeHtml(body)) return undefined;
  const ok = status !== undefined && status >= 200 && status < 300;
  const what = ok
    ? 'the URL is of a site, or a login, or a network that answers in the place of the tracker'
    : 'whatever answers here is a web server that has no tracker at this path';
  return `this is a web page, not a tracker's reply: ${what}`;
}

function emptyAnswer({ failureCode, body, status }: ConversationFacts): string | undefined {
  if (failureCode !== 'tracker-bad-reply' || body?.length !== 0 || status === undefined) {
    return undefined;
  }
  return 'an answer without a byte: some trackers say nothing to a request that lacks a key or names a torrent they do not serve';
}

function badStatus({ status, failureReason, url }: ConversationFacts): string | undefined {
  if (status === undefined || status < 400 || failureReason !== undefined) return undefined;
  if (status === 429)
    return 'the tracker was asked too often from this address: wait, then ask again';
  if (status >= 500) {
    return 'the tracker, or the server in front of it, is in trouble: the request is not at fault, try again later';
  }
  const keyed = hasKey(url);
  if (status === 400 || status === 401 || status === 403 || status === 404) {
    if (keyed) {
      return `the tracker answers HTTP ${status}, and its URL carries a key: such trackers answer so to a key that is wrong or was replaced; fetch the .torrent again`;
    }
    if (status === 404) {
      return 'nothing is at this path: compare the announce URL with the one that the tracker publishes';
    }
    if (status === 400)
      return 'the server takes the request for malformed: compare the fields sent, above, with what it asks for';
    return 'the server wants to know who asks: a private tracker has a key in its announce URL, and this one has none';
  }
  return undefined;
}

/** Whether a path component or a query value looks like a passkey. */
function hasKey(url: string): boolean {
  const { pathname = '', search = '' } = parsed(url) ?? {};
  return /(^|[/=?&])[0-9a-z]{16,}($|[/=&.])/i.test(`${pathname}${search}`);
}

function noPath({ url, failureCode }: ConversationFacts): string | undefined {
  if (failureCode === undefined || !isHttp(url)) return undefined;
  const path = parsed(url)?.pathname;
  if (path !== '/' && path !== '') return undefined;
  return 'the announce URL has no path: most trackers answer at /announce';
}

function redirected({ redirectedTo }: ConversationFacts): string | undefined {
  if (redirectedTo === undefined) return undefined;
  return 'the tracker sends us on to another URL (see the packets of the report): the torrent names an old one';
}

function bytesAfter({ bytesAfterReply = 0 }: ConversationFacts): string | undefined {
  if (bytesAfterReply === 0) return undefined;
  const bytes = bytesAfterReply === 1 ? '1 byte follows' : `${bytesAfterReply} bytes follow`;
  return `${bytes} the end of the reply: clients ignore them, and stricter ones refuse the whole reply`;
}

function forbidden({ failureCode }: ConversationFacts): string | undefined {
  if (failureCode !== 'tracker-forbidden') return undefined;
  return 'the torrent, or a redirect, would have this machine talk to a service of its own or of its network: nothing was sent; what you name by the option trackers is asked, whatever it is';
}

function unreachable({ failureCode, cause }: ConversationFacts): string | undefined {
  if (failureCode !== 'tracker-unreachable') return undefined;
  if (cause === 'ECONNREFUSED') return 'the machine is there, and nothing listens on this port';
  if (cause === 'ENOTFOUND') {
    return 'the name is gone or mistyped: trackers come and go, and another of the torrent may live';
  }
  if (/CERT|SELF_SIGNED/.test(cause ?? '')) {
    return "the tracker's certificate is not valid for this name or at this time: is the clock of this machine right?";
  }
  if (cause === 'EAI_AGAIN') return 'no name server answers: is this machine connected?';
  return undefined;
}

function noAnswer(facts: ConversationFacts): string | undefined {
  const { failureCode, url, packetsReceived = [], packetsSent = 0, kind } = facts;
  if (failureCode !== 'tracker-timeout') return undefined;
  if (isHttp(url)) {
    return 'no whole answer in time: the tracker is down or overloaded, or a firewall drops what we send (the option timeoutMs waits longer)';
  }
  if (packetsReceived.includes('connect reply')) {
    return `the tracker answered the connect request and dropped the ${kind} request without a word: it does so for torrents that it does not serve, or when it is overloaded`;
  }
  if (packetsReceived.length > 0) {
    return 'packets came, but none with our transaction id: see the packets of the report';
  }
  const packets = packetsSent === 1 ? 'the one packet' : `${packetsSent} packets`;
  return `nothing came back for ${packets} sent: the tracker is gone, or a firewall drops UDP; many trackers answer over HTTP, too`;
}

function unsupported({ failureCode, kind, url }: ConversationFacts): string | undefined {
  if (failureCode !== 'tracker-unsupported') return undefined;
  if (/^wss?:/i.test(url)) return 'trackers of this scheme serve browsers (WebRTC) only';
  if (kind !== 'scrape' || !isHttp(url)) return undefined;
  return 'such a tracker has no scrape: announce() gets its counts';
}

/** There is no other peer: we may be counted and listed ourselves. */
function isAlone({ peers, droppedPeers = 0, seeds = 0, leechers = 0 }: ConversationFacts): boolean {
  return peers === 0 && droppedPeers <= 1 && seeds + leechers <= 1;
}

function nobodyThere(facts: ConversationFacts): string | undefined {
  const { kind, failureCode, event } = facts;
  if (kind !== 'announce' || failureCode !== undefined || event === 'stopped') return undefined;
  if (!isAlone(facts)) return undefined;
  return 'the tracker works and knows of nobody but us: the torrent is dead here, or its peers use other trackers';
}

function onlyUndialable(facts: ConversationFacts): string | undefined {
  const { peers, droppedPeers = 0 } = facts;
  if (peers !== 0 || droppedPeers === 0 || isAlone(facts)) return undefined;
  return 'all peers in the reply were left out: they are ourselves, or addresses that nobody can dial from here';
}

function zeroCounts(facts: ConversationFacts): string | undefined {
  const { kind, failureCode, seeds, leechers } = facts;
  if (kind !== 'scrape' || failureCode !== undefined) return undefined;
  const spelling = otherSpelling(facts);
  if (spelling !== undefined) return spelling;
  if (seeds === undefined) {
    return 'the reply has no entry for this info hash: the tracker does not know it';
  }
  if (seeds > 0 || (leechers ?? 0) > 0) return undefined;
  return 'all counts are 0: many trackers answer so for a torrent that they do not know';
}

/**
 * Some trackers convert the hash to text when replying: the npm package bittorrent-tracker 10 does.
 */
function otherSpelling({
  infoHash,
  body = new Uint8Array(0),
}: ConversationFacts): string | undefined {
  const raw = Buffer.from(infoHash);
  const spellings = [
    ['as text in UTF-8', raw.toString('latin1')],
    ['in hex digits', toHex(infoHash)],
  ] as const;
  const found = spellings.find(([, text]) => Buffer.from(body).includes(Buffer.from(text, 'utf8')));
  if (found === undefined) return undefined;
  return `the reply names this info hash ${found[0]}, not as its 20 bytes, and most clients do not find it: a bug of the tracker's scrape; announce() gets its counts`;
}
