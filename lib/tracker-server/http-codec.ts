// PURE. The tracker's side of announces and scrapes over HTTP: decodes the query string, encodes
// the bencoded reply.

import { PEER_ID_LENGTH_BYTES, SHA1_LENGTH_BYTES } from '../bytes/lengths';
import { encode } from '../bencode/encode';
import { MAX_PORT, isReachablePort } from '../address/host-port';
import { formatAddress } from '../address/text';
import { COMPACT_IPV4_BYTES, COMPACT_IPV6_BYTES } from '../address/compact-peers';
import type { AnnounceEvent, ScrapeCounts } from '../tracker/announce';
import type { SwarmAnswer } from './swarm-registry';

/** An announce as given by its query string. */
export interface AnnounceQuery {
  /** 20 raw bytes. */
  readonly infoHash: Uint8Array;
  /** 20 raw bytes. */
  readonly peerId: Uint8Array;
  readonly port: number;
  readonly leftBytes: number;
  readonly event?: AnnounceEvent;
  /** `event=paused` (BEP 21). */
  readonly partialSeed: boolean;
  readonly numWant?: number;
  /** Compact lists unless `compact=0` (BEP 23 suggests this default). */
  readonly compact: boolean;
  readonly noPeerId: boolean;
}

/** Most info hashes in one scrape: more would make a small request expensive. */
const MAX_SCRAPE_HASHES = 100;

/** Parses the query, or returns a failure reason. `query` is the raw text after the `?`. */
export function parseAnnounceQuery(query: string): AnnounceQuery | string {
  let infoHash: Uint8Array | undefined;
  let peerId: Uint8Array | undefined;
  let port: number | undefined;
  let leftBytes: number | undefined;
  let numWant: number | undefined;
  let event = '';
  let compact = true;
  let noPeerId = false;
  for (const pair of query.split('&')) {
    const equals = pair.indexOf('=');
    const value = pair.slice(equals + 1);
    switch (pair.slice(0, Math.max(equals, 0))) {
      case 'info_hash':
        infoHash = percentDecode(value);
        break;
      case 'peer_id':
        peerId = percentDecode(value);
        break;
      case 'port':
        port = count(value);
        break;
      case 'left':
        leftBytes = count(value);
        break;
      case 'numwant':
        numWant = count(value);
        break;
      case 'event':
        event = value === 'empty' || value === 'none' ? '' : value; // Some clients send BEP 3's word.
        break;
      case 'compact':
        compact = value !== '0';
        break;
      case 'no_peer_id':
        noPeerId = value === '1';
        break;
    }
  }
  if (infoHash?.length !== SHA1_LENGTH_BYTES) {
    return `info_hash must be ${SHA1_LENGTH_BYTES} raw bytes, percent-encoded`;
  }
  if (peerId?.length !== PEER_ID_LENGTH_BYTES)
    return `peer_id must be ${PEER_ID_LENGTH_BYTES} raw bytes, percent-encoded`;
  if (port === undefined || !isReachablePort(port)) return `port must be 1 to ${MAX_PORT}`;
  const partialSeed = event === 'paused';
  if (!partialSeed && !isEvent(event)) {
    return 'event must be started, completed, stopped, paused or empty';
  }
  return {
    infoHash,
    peerId,
    port,
    // Without `left` it counts as a downloader, which is useful to every peer.
    leftBytes: leftBytes ?? 1,
    event: event === '' || partialSeed ? undefined : (event as AnnounceEvent),
    partialSeed,
    numWant,
    compact,
    noPeerId,
  };
}

/** Parses the info hashes of a scrape (BEP 48), or returns a failure reason. */
export function parseScrapeQuery(query: string): Uint8Array[] | string {
  const hashes: Uint8Array[] = [];
  for (const pair of query.split('&')) {
    if (!pair.startsWith('info_hash=')) continue;
    const hash = percentDecode(pair.slice('info_hash='.length));
    if (hash?.length !== SHA1_LENGTH_BYTES) {
      return `info_hash must be ${SHA1_LENGTH_BYTES} raw bytes, percent-encoded`;
    }
    if (hashes.length === MAX_SCRAPE_HASHES) return `at most ${MAX_SCRAPE_HASHES} info hashes`;
    hashes.push(hash);
  }
  return hashes.length > 0 ? hashes : 'a scrape names at least one info_hash';
}

function isEvent(text: string): text is AnnounceEvent | '' {
  return text === '' || text === 'started' || text === 'completed' || text === 'stopped';
}

/** 15 digits are below 2^53. */
function count(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/**
 * Decodes `%XX` and plain ASCII to raw bytes; undefined for a broken escape. `+` stands for itself.
 */
export function percentDecode(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(text.length);
  let length = 0;
  for (let at = 0; at < text.length; at += 1) {
    let value = text.charCodeAt(at);
    if (value === 0x25) {
      value = (hexDigit(text.charCodeAt(at + 1)) << 4) | hexDigit(text.charCodeAt(at + 2));
      if (value < 0) return undefined;
      at += 2;
    }
    if (value > 0xff) return undefined;
    bytes[length] = value;
    length += 1;
  }
  return bytes.subarray(0, length);
}

/** Value of a digit's character code; negative for anything else, including the end of the text. */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const upper = code & ~0x20;
  return upper >= 0x41 && upper <= 0x46 ? upper - 0x37 : -256;
}

/** `retryInMin`: when to return, in minutes (BEP 31). */
export function encodeFailure(reason: string, retryInMin?: number): Uint8Array {
  return encode({ 'failure reason': Buffer.from(reason), 'retry in': retryInMin });
}

/** When a client should announce again, and how early it may. */
export interface AnnounceIntervals {
  readonly intervalSec: number;
  readonly minIntervalSec: number;
}

/**
 * The reply in the requested form. `asker` is the address of the client, 4 or 16 bytes (BEP 24).
 */
export function encodeAnswer(
  answer: SwarmAnswer,
  query: Pick<AnnounceQuery, 'compact' | 'noPeerId'>,
  intervals: AnnounceIntervals,
  asker: Uint8Array,
): Uint8Array {
  const { peers, peers6, full } = answer;
  if (query.compact && !full) return encodeCompact(answer, intervals, asker);
  const entries = [
    ...dictionaries(peers, COMPACT_IPV4_BYTES),
    ...dictionaries(peers6, COMPACT_IPV6_BYTES),
  ].map((entry, index) =>
    query.noPeerId ? entry : { ...entry, 'peer id': answer.peerIds[index] ?? new Uint8Array() },
  );
  return encode({
    complete: answer.seeds,
    'external ip': asker,
    incomplete: answer.leechers,
    interval: intervals.intervalSec,
    'min interval': intervals.minIntervalSec,
    peers: query.compact ? peers : entries,
    peers6: query.compact && peers6.length > 0 ? peers6 : undefined,
    'warning message': full
      ? 'this tracker is full: other peers are not given your address'
      : undefined,
  });
}

/** The usual reply, written in one pass: its keys are already sorted. */
function encodeCompact(
  { seeds, leechers, peers, peers6 }: SwarmAnswer,
  { intervalSec, minIntervalSec }: AnnounceIntervals,
  asker: Uint8Array,
): Uint8Array {
  const before = `d8:completei${seeds}e11:external ip${asker.length}:`;
  const middle =
    `10:incompletei${leechers}e8:intervali${intervalSec}e12:min intervali${minIntervalSec}e` +
    `5:peers${peers.length}:`;
  const tail = peers6.length > 0 ? `6:peers6${peers6.length}:` : '';
  const length =
    before.length + asker.length + middle.length + peers.length + tail.length + peers6.length + 1;
  const bytes = Buffer.allocUnsafe(length);
  let at = bytes.write(before, 0, 'latin1');
  bytes.set(asker, at);
  at += asker.length;
  at += bytes.write(middle, at, 'latin1');
  bytes.set(peers, at);
  at += peers.length;
  at += bytes.write(tail, at, 'latin1');
  bytes.set(peers6, at);
  bytes[length - 1] = 0x65;
  return bytes;
}

function dictionaries(list: Uint8Array, entryBytes: number): { ip: Buffer; port: number }[] {
  const entries: { ip: Buffer; port: number }[] = [];
  for (let at = 0; at + entryBytes <= list.length; at += entryBytes) {
    const portAt = at + entryBytes - 2;
    const ip = Buffer.from(formatAddress(list.subarray(at, portAt)) ?? '');
    entries.push({ ip, port: ((list[portAt] ?? 0) << 8) | (list[portAt + 1] ?? 0) });
  }
  return entries;
}

/** BEP 48, with the `downloaders` of BEP 21. */
export function encodeScrapeAnswer(
  infoHashes: readonly Uint8Array[],
  counts: readonly Required<ScrapeCounts>[],
): Uint8Array {
  const files = new Map<Uint8Array, Record<string, number>>();
  const seen = new Set<string>();
  infoHashes.forEach((hash, index) => {
    const found = counts[index];
    const key = Buffer.from(hash).toString('latin1');
    // A duplicate hash would be a duplicate key, which bencode does not allow.
    if (found === undefined || seen.has(key)) return;
    seen.add(key);
    files.set(hash, {
      complete: found.seeds,
      downloaded: found.completed,
      downloaders: found.downloaders,
      incomplete: found.leechers,
    });
  });
  return encode({ files });
}
