// PURE. The tracker's side of an announce: the query string in, the bencoded answer out.

import { encode } from '../bencode/encode';
import { COMPACT_IPV4_BYTES, COMPACT_IPV6_BYTES, formatAddress } from './address';
import type { AnnounceEvent } from './announce';
import type { SwarmAnswer, SwarmPeer } from './swarm-registry';

/** An announce as its query string tells it. */
export interface AnnounceQuery {
  /** 20 raw bytes. */
  readonly infoHash: Uint8Array;
  /** 20 raw bytes. */
  readonly peerId: Uint8Array;
  readonly port: number;
  readonly leftBytes: number;
  readonly event?: AnnounceEvent;
  readonly numWant?: number;
  /** Compact lists unless `compact=0` (BEP 23 suggests that default). */
  readonly compact: boolean;
  readonly noPeerId: boolean;
}

/** Both ids are SHA-1 sized (BEP 3). */
const ID_BYTES = 20;

/** The query, or the failure reason it deserves. `query` is the raw text behind the `?`. */
export function parseAnnounceQuery(query: string): AnnounceQuery | string {
  const fields = new Map<string, string>();
  for (const pair of query.split('&')) {
    const equals = pair.indexOf('=');
    if (equals > 0) fields.set(pair.slice(0, equals), pair.slice(equals + 1));
  }
  const infoHash = percentDecode(fields.get('info_hash') ?? '');
  const peerId = percentDecode(fields.get('peer_id') ?? '');
  const port = count(fields.get('port'));
  const event = fields.get('event') ?? '';
  if (infoHash?.length !== ID_BYTES) {
    return `info_hash must be ${ID_BYTES} raw bytes, percent-encoded`;
  }
  if (peerId?.length !== ID_BYTES) return `peer_id must be ${ID_BYTES} raw bytes, percent-encoded`;
  if (port === undefined || port < 1 || port > 65_535) return 'port must be 1 to 65535';
  if (!isEvent(event)) return 'event must be started, completed, stopped or empty';
  return {
    infoHash,
    peerId,
    port,
    // Who does not say is taken for a downloader, which every peer wants to hear of.
    leftBytes: count(fields.get('left')) ?? 1,
    event: event === '' ? undefined : event,
    numWant: count(fields.get('numwant')),
    compact: fields.get('compact') !== '0',
    noPeerId: fields.get('no_peer_id') === '1',
  };
}

function isEvent(text: string): text is AnnounceEvent | '' {
  return ['', 'started', 'completed', 'stopped'].includes(text);
}

/** 15 digits stay below 2^53. */
function count(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** The raw bytes behind `%XX` and plain ASCII; undefined for a broken escape. `+` is itself. */
export function percentDecode(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(text.length);
  let length = 0;
  for (let at = 0; at < text.length; at += 1) {
    let value = text.charCodeAt(at);
    if (value === 0x25) {
      const digits = text.slice(at + 1, at + 3);
      if (!/^[0-9a-f]{2}$/i.test(digits)) return undefined;
      value = parseInt(digits, 16);
      at += 2;
    }
    if (value > 0xff) return undefined;
    bytes[length] = value;
    length += 1;
  }
  return bytes.slice(0, length);
}

export function encodeFailure(reason: string): Uint8Array {
  return encode({ 'failure reason': Buffer.from(reason) });
}

/** The answer in the form that was asked for. `asker` is his address, 4 or 16 bytes (BEP 24). */
export function encodeAnswer(
  answer: SwarmAnswer,
  query: AnnounceQuery,
  intervalSec: number,
  asker: Uint8Array,
): Uint8Array {
  const common = {
    complete: answer.seeds,
    'external ip': asker,
    incomplete: answer.leechers,
    interval: intervalSec,
  };
  if (!query.compact) {
    return encode({ ...common, peers: answer.peers.map((peer) => entry(peer, query.noPeerId)) });
  }
  const peers = join(answer.peers, COMPACT_IPV4_BYTES);
  const peers6 = join(answer.peers, COMPACT_IPV6_BYTES);
  return encode(peers6.length > 0 ? { ...common, peers, peers6 } : { ...common, peers });
}

function entry({ address, port, peerId }: SwarmPeer, noPeerId: boolean) {
  const ip = Buffer.from(formatAddress(address) ?? '');
  return noPeerId ? { ip, port } : { ip, 'peer id': peerId, port };
}

function join(peers: readonly SwarmPeer[], entryBytes: number): Uint8Array {
  return Buffer.concat(
    peers.filter((peer) => peer.compact.length === entryBytes).map((peer) => peer.compact),
  );
}
