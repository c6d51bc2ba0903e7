// PURE. Announces over HTTP as text and bytes: the request's URL out, the bencoded reply in
// (BEP 3 "trackers", BEP 7, BEP 23, BEP 24). Every byte of a reply is hostile.

import { decode } from '../bencode/decode';
import { BencodeDictionary } from '../bencode/value';
import type { BencodeValue } from '../bencode/value';
import { percentEncode } from '../bytes/percent';
import { MillraceError } from '../errors/millrace-error';
import {
  COMPACT_IPV4_BYTES,
  COMPACT_IPV6_BYTES,
  formatAddress,
  isDialable,
  parseAddress,
} from './address';
import type { AnnounceReply, AnnounceRequest, PeerAddress } from './announce';
import { countField, textField } from './bencode-fields';
import { printableBytes } from './text';

/** Used when a reply names no interval: half an hour, what most trackers ask for. */
export const DEFAULT_INTERVAL_SEC = 1800;

/** A tracker that says 0 or 1 would have us hammer it (and whoever it stands for). */
export const MIN_INTERVAL_SEC = 30;

/** A tracker that says a year would lose us for good; no honest one says more than a day. */
export const MAX_INTERVAL_SEC = 86_400;

/**
 * Peers kept of each list of a reply. We ask for 200 at most, trackers give 50 to 200; 1,000 lets
 * a generous one be generous and keeps a hostile one from filling the address book.
 */
export const MAX_PEERS_PER_LIST = 1000;

/** A longer `tracker id` is dropped: it has to fit into every later URL, percent-encoded. */
const MAX_TRACKER_ID_BYTES = 256;

/** Longest text of a tracker that is shown. */
const MAX_TEXT_CHARS = 500;

/** Bencoded values in one reply: 14,000 peers of 7 each. Bounds the memory of decoding to some 10 MiB. */
const MAX_REPLY_ITEMS = 100_000;

/** How much of an answer that is not bencode is quoted. */
const MAX_QUOTE_CHARS = 60;

/**
 * The URL to GET. Binary values are percent-encoded byte by byte (never as hex or UTF-8 text), and
 * the tracker's own query (a passkey) stays as it came.
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
  if (request.event !== undefined) parameters.push(`event=${request.event}`);
  if (request.trackerId !== undefined) {
    parameters.push(`trackerid=${percentEncode(request.trackerId)}`);
  }
  return `${base}${joint(base)}${parameters.join('&')}`;
}

function joint(base: string): string {
  if (!base.includes('?')) return '?';
  return base.endsWith('?') || base.endsWith('&') ? '' : '&';
}

/**
 * Reads a reply. Throws `tracker-failure` for a `failure reason` and `tracker-bad-reply` for bytes
 * that are no bencoded dictionary or a compact list of an impossible length. Peers that nobody can
 * dial (port 0, host names, multicast …) are left out.
 */
export function parseAnnounceReply(bytes: Uint8Array): AnnounceReply {
  const dictionary = decodeReply(bytes);
  const reason = textField(dictionary, 'failure reason', MAX_TEXT_CHARS);
  if (reason !== undefined) throw trackerFailure(reason);
  const intervalSec = countField(dictionary, 'interval') ?? DEFAULT_INTERVAL_SEC;
  const minIntervalSec = countField(dictionary, 'min interval');
  const trackerId = dictionary.bytes('tracker id');
  const externalIp = dictionary.bytes('external ip');
  return {
    intervalSec: Math.min(Math.max(intervalSec, MIN_INTERVAL_SEC), MAX_INTERVAL_SEC),
    minIntervalSec:
      minIntervalSec === undefined ? undefined : Math.min(minIntervalSec, MAX_INTERVAL_SEC),
    // Copied: a view would keep the whole reply alive.
    trackerId:
      trackerId !== undefined && trackerId.length > 0 && trackerId.length <= MAX_TRACKER_ID_BYTES
        ? Uint8Array.from(trackerId)
        : undefined,
    peers: readPeers(dictionary),
    seeds: countField(dictionary, 'complete'),
    leechers: countField(dictionary, 'incomplete'),
    warning: textField(dictionary, 'warning message', MAX_TEXT_CHARS),
    externalIp: externalIp === undefined ? undefined : formatAddress(externalIp),
  };
}

/** The failure reason in an answer of any kind; undefined where there is none. */
export function readFailureReason(bytes: Uint8Array): string | undefined {
  try {
    return textField(decodeReply(bytes), 'failure reason', MAX_TEXT_CHARS);
  } catch {
    return undefined;
  }
}

/** The tracker's own words, unchanged but for control characters. */
export function trackerFailure(reason: string): MillraceError {
  return new MillraceError('tracker-failure', `the tracker refused the announce: ${reason}`, {
    reason,
  });
}

function decodeReply(bytes: Uint8Array): BencodeDictionary {
  if (bytes.length === 0) throw badReply('the tracker sent an empty answer');
  let value: BencodeValue;
  try {
    value = decode(withoutTrailingSpace(bytes), { maxItems: MAX_REPLY_ITEMS });
  } catch (error) {
    // 100 = 'd': it meant to be a dictionary, so the decoder knows best what is wrong.
    const why = error instanceof Error && bytes[0] === 100 ? ` (${error.message})` : '';
    throw badReply(`the tracker did not answer in bencode${why}: ${quote(bytes)}`);
  }
  if (value instanceof BencodeDictionary) return value;
  throw badReply(`the tracker did not answer with a bencoded dictionary: ${quote(bytes)}`);
}

/** Scripts like to end with a line break; a dictionary ends with `e`, so nothing is lost. */
function withoutTrailingSpace(bytes: Uint8Array): Uint8Array {
  let end = bytes.length;
  while (end > 0 && (bytes[end - 1] ?? 0) <= 32) end -= 1;
  return bytes.subarray(0, end);
}

function quote(bytes: Uint8Array): string {
  return `"${printableBytes(bytes, MAX_QUOTE_CHARS)}"`;
}

function badReply(message: string): MillraceError {
  return new MillraceError('tracker-bad-reply', message);
}

function readPeers(dictionary: BencodeDictionary): PeerAddress[] {
  const found = new Map<string, PeerAddress>();
  const peers = dictionary.get('peers');
  if (peers instanceof Uint8Array) readCompact(peers, COMPACT_IPV4_BYTES, 'peers', found);
  else if (Array.isArray(peers)) readDictionaries(peers, found);
  const peers6 = dictionary.get('peers6');
  if (peers6 instanceof Uint8Array) readCompact(peers6, COMPACT_IPV6_BYTES, 'peers6', found);
  return [...found.values()];
}

function readCompact(
  list: Uint8Array,
  entryBytes: number,
  key: string,
  found: Map<string, PeerAddress>,
): void {
  if (list.length % entryBytes !== 0) {
    throw badReply(
      `the tracker sent ${list.length} bytes of "${key}", which is no multiple of ${entryBytes}`,
    );
  }
  const end = Math.min(list.length, MAX_PEERS_PER_LIST * entryBytes);
  for (let at = 0; at < end; at += entryBytes) {
    const portAt = at + entryBytes - 2;
    const port = ((list[portAt] ?? 0) << 8) | (list[portAt + 1] ?? 0);
    addPeer(found, list.subarray(at, portAt), port);
  }
}

function readDictionaries(list: readonly BencodeValue[], found: Map<string, PeerAddress>): void {
  for (const entry of list.slice(0, MAX_PEERS_PER_LIST)) {
    if (!(entry instanceof BencodeDictionary)) continue;
    // Host names are allowed by BEP 3 and dropped here: a tracker must not make us look up names.
    const ip = entry.bytes('ip');
    const address = ip === undefined ? undefined : parseAddress(Buffer.from(ip).toString('latin1'));
    const peerId = entry.bytes('peer id');
    if (address === undefined) continue;
    const validId = peerId?.length === 20 ? Uint8Array.from(peerId) : undefined;
    addPeer(found, address, countField(entry, 'port') ?? 0, validId);
  }
}

function addPeer(
  found: Map<string, PeerAddress>,
  address: Uint8Array,
  port: number,
  peerId?: Uint8Array,
): void {
  if (port < 1 || port > 65535 || !isDialable(address)) return;
  const host = formatAddress(address);
  if (host === undefined) return;
  found.set(`${host} ${port}`, peerId === undefined ? { host, port } : { host, port, peerId });
}
