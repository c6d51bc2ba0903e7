// PURE. Announces over HTTP: encodes the request's URL, decodes the bencoded reply (BEP 3
// "trackers", BEP 7, BEP 21, BEP 23, BEP 24, BEP 31). Every byte of a reply is hostile.

import { isReachablePort } from '../address/host-port';
import { isDialable } from '../address/scope';
import { formatAddress, parseAddress } from '../address/text';
import { decodePrefix } from '../bencode/decode';
import { BencodeDictionary } from '../bencode/value';
import type { BencodeValue } from '../bencode/value';
import { PEER_ID_LENGTH_BYTES } from '../bytes/lengths';
import { percentEncode } from '../bytes/percent';
import { MillraceError } from '../errors/millrace-error';
import type { AnnounceReply, AnnounceRequest, PeerAddress } from './announce';
import { countField, textField } from './bencode-fields';
import { COMPACT_IPV4_BYTES, COMPACT_IPV6_BYTES, readCompactPeers } from '../address/compact-peers';
import { MAX_INTERVAL_SEC, MAX_PEERS_PER_LIST, MAX_RETRY_SEC, boundedInterval } from './limits';
import { printableBytes } from '../text/printable';

/** A longer `tracker id` is dropped: it must fit into every later URL, percent-encoded. */
const MAX_TRACKER_ID_BYTES = 256;

/** Longest text from a tracker that is shown. */
const MAX_TEXT_CHARS = 500;

/**
 * Most bencoded values in one reply: 14,000 peers of 7 each. Limits the memory of decoding to some
 * 10 MiB.
 */
const MAX_REPLY_ITEMS = 100_000;

/** Longest quote from a reply that is not bencode. */
const MAX_QUOTE_CHARS = 60;

/**
 * The URL to GET. Binary values are percent-encoded byte by byte (never as hex or UTF-8 text), and
 * the tracker's own query (a passkey) stays unchanged.
 */
export function buildAnnounceUrl(trackerUrl: string, request: AnnounceRequest): string {
  const [base = ''] = trackerUrl.split('#', 1);
  const parameters = [
    `info_hash=${percentEncode(request.infoHash)}`,
    `peer_id=${percentEncode(request.peerId)}`,
    `port=${request.port}`,
    `uploaded=${request.uploadedBytes}`,
    `downloaded=${request.downloadedBytes}`,
    `left=${request.leftBytes}`,
    'compact=1',
    'no_peer_id=1',
    `numwant=${request.numWant}`,
    `key=${(request.key >>> 0).toString(16).padStart(8, '0')}`,
  ];
  const event = eventText(request);
  if (event !== undefined) parameters.push(`event=${event}`);
  if (request.ip !== undefined) parameters.push(`ip=${encodeURIComponent(request.ip)}`);
  if (request.trackerId !== undefined) {
    parameters.push(`trackerid=${percentEncode(request.trackerId)}`);
  }
  return `${base}${joint(base)}${parameters.join('&')}`;
}

/**
 * A partial seed sends `paused` each time (BEP 21), except when it leaves, because it would still
 * be counted.
 */
function eventText({ event, partialSeed }: AnnounceRequest): string | undefined {
  return partialSeed === true && event !== 'stopped' ? 'paused' : event;
}

export function joint(base: string): string {
  if (!base.includes('?')) return '?';
  return base.endsWith('?') || base.endsWith('&') ? '' : '&';
}

/**
 * Decodes a reply. Throws `tracker-failure` for a `failure reason`, and `tracker-bad-reply` if the
 * bytes are not a bencoded dictionary or a compact list has an impossible length. Peers that cannot
 * be dialled (port 0, host names, multicast …) are left out.
 */
export function parseAnnounceReply(bytes: Uint8Array): AnnounceReply {
  const dictionary = decodeReply(bytes);
  const failure = failureIn(dictionary);
  if (failure !== undefined) throw failure;
  const intervalSec = countField(dictionary, 'interval');
  const minIntervalSec = countField(dictionary, 'min interval');
  const trackerId = dictionary.bytes('tracker id');
  const externalIp = dictionary.bytes('external ip');
  return {
    intervalSec: boundedInterval(intervalSec),
    minIntervalSec:
      minIntervalSec === undefined ? undefined : Math.min(minIntervalSec, MAX_INTERVAL_SEC),
    // Copied: a view would keep the whole reply in memory.
    trackerId:
      trackerId !== undefined && trackerId.length > 0 && trackerId.length <= MAX_TRACKER_ID_BYTES
        ? Uint8Array.from(trackerId)
        : undefined,
    ...readPeers(dictionary),
    seeds: countField(dictionary, 'complete'),
    leechers: countField(dictionary, 'incomplete'),
    warning: textField(dictionary, 'warning message', MAX_TEXT_CHARS),
    externalIp: externalIp === undefined ? undefined : formatAddress(externalIp),
  };
}

/** The failure in a reply of any kind; undefined if there is none. */
export function readFailure(bytes: Uint8Array): MillraceError | undefined {
  try {
    return failureIn(decodeReply(bytes));
  } catch {
    return undefined;
  }
}

/** The tracker's own text without control characters, and when it wants another request. */
export function failureIn(dictionary: BencodeDictionary): MillraceError | undefined {
  const reason = textField(dictionary, 'failure reason', MAX_TEXT_CHARS);
  if (reason === undefined) return undefined;
  return new MillraceError('tracker-failure', `the tracker refused the request: ${reason}`, {
    reason,
    ...readRetry(dictionary),
  });
}

/** `retry in` (BEP 31): minutes, as an integer or (as in its examples) a string, or "never". */
function readRetry(
  dictionary: BencodeDictionary,
): { readonly retryNever: true } | { readonly retryInSec: number } | undefined {
  const text = dictionary.text('retry in')?.trim() ?? '';
  if (text.toLowerCase() === 'never') return { retryNever: true };
  const minutes = /^\d{1,15}$/.test(text) ? Number(text) : countField(dictionary, 'retry in');
  // A wait of 0 minutes is surely not meant: our own back-off is better.
  if (minutes === undefined || minutes === 0) return undefined;
  return { retryInSec: Math.min(minutes * 60, MAX_RETRY_SEC) };
}

/**
 * Decodes the dictionary of a reply; throws `tracker-bad-reply` for anything else. Bytes after it
 * are ignored: scripts append line breaks, and some trackers appended a second list.
 */
export function decodeReply(bytes: Uint8Array): BencodeDictionary {
  if (bytes.length === 0) throw badReply('the tracker sent an empty answer');
  let value: BencodeValue;
  try {
    ({ value } = decodePrefix(bytes, 0, { maxItems: MAX_REPLY_ITEMS }));
  } catch (error) {
    // 100 = 'd': it was meant to be a dictionary, so the decoder's error is helpful.
    const why = error instanceof Error && bytes[0] === 100 ? ` (${error.message})` : '';
    throw badReply(`the tracker did not answer in bencode${why}: ${quote(bytes)}`);
  }
  if (value instanceof BencodeDictionary) return value;
  throw badReply(`the tracker did not answer with a bencoded dictionary: ${quote(bytes)}`);
}

function quote(bytes: Uint8Array): string {
  return `"${printableBytes(bytes, MAX_QUOTE_CHARS)}"`;
}

function badReply(message: string): MillraceError {
  return new MillraceError('tracker-bad-reply', message);
}

function readPeers(dictionary: BencodeDictionary): Pick<AnnounceReply, 'peers' | 'droppedPeers'> {
  const found = new Map<string, PeerAddress>();
  const peers = dictionary.get('peers');
  let dropped = 0;
  if (peers instanceof Uint8Array)
    dropped += readCompact(peers, COMPACT_IPV4_BYTES, 'peers', found);
  else if (Array.isArray(peers)) dropped += readDictionaries(peers, found);
  const peers6 = dictionary.get('peers6');
  if (peers6 instanceof Uint8Array) {
    dropped += readCompact(peers6, COMPACT_IPV6_BYTES, 'peers6', found);
  }
  return { peers: [...found.values()], droppedPeers: dropped };
}

/** Both readers return the number of entries that they left out. */
function readCompact(
  list: Uint8Array,
  entryBytes: number,
  key: string,
  found: Map<string, PeerAddress>,
): number {
  if (list.length % entryBytes !== 0) {
    throw badReply(
      `the tracker sent ${list.length} bytes of "${key}", which is no multiple of ${entryBytes}`,
    );
  }
  const peers = readCompactPeers(list, entryBytes, MAX_PEERS_PER_LIST);
  for (const peer of peers) found.set(`${peer.host} ${peer.port}`, peer);
  return list.length / entryBytes - peers.length;
}

function readDictionaries(list: readonly BencodeValue[], found: Map<string, PeerAddress>): number {
  let kept = 0;
  for (const entry of list.slice(0, MAX_PEERS_PER_LIST)) {
    if (!(entry instanceof BencodeDictionary)) continue;
    // BEP 3 allows host names; they are dropped, because a tracker must not make us look up names.
    const ip = entry.bytes('ip');
    const address = ip === undefined ? undefined : parseAddress(Buffer.from(ip).toString('latin1'));
    const port = countField(entry, 'port') ?? 0;
    if (address === undefined || !isReachablePort(port) || !isDialable(address)) continue;
    const host = formatAddress(address);
    if (host === undefined) continue;
    const peerId = entry.bytes('peer id');
    const peer =
      peerId?.length === PEER_ID_LENGTH_BYTES
        ? { host, port, peerId: Uint8Array.from(peerId) }
        : { host, port };
    found.set(`${host} ${port}`, peer);
    kept += 1;
  }
  return list.length - kept;
}
