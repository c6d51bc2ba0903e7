// PURE. Scrapes over HTTP (BEP 48): the URL that belongs to an announce URL, and the reply.

import { percentEncode } from '../bytes/percent';
import { keyOf } from '../bencode/text';
import type { ScrapeCounts } from './announce';
import { countField } from './bencode-fields';
import { decodeReply, failureIn, joint } from './http-codec';
import { requestError } from '../http/request-error';

/** Hashes in one request: 60 characters each at the worst, so 3 KB of URL, which any server takes. */
export const MAX_HASHES_PER_REQUEST = 50;

/**
 * The scrape URL of an announce URL: the last `announce` in its path becomes `scrape`, the query (a
 * passkey) stays. Throws `tracker-unsupported` where the path has none: such a tracker has no scrape.
 */
export function scrapeUrlOf(announceUrl: string): string {
  const [address = ''] = announceUrl.split('#', 1);
  const queryAt = address.indexOf('?');
  const base = queryAt < 0 ? address : address.slice(0, queryAt);
  const pathAt = base.indexOf('/', base.indexOf('://') + 3);
  const at = base.lastIndexOf('announce');
  if (pathAt < 0 || at < pathAt) {
    throw requestError(
      'tracker',
      'unsupported',
      announceUrl,
      'has no scrape: its path does not contain "announce" (BEP 48)',
    );
  }
  return `${base.slice(0, at)}scrape${address.slice(at + 'announce'.length)}`;
}

/** The URL to GET. Hashes are percent-encoded byte by byte, as in an announce. */
export function buildScrapeUrl(announceUrl: string, infoHashes: readonly Uint8Array[]): string {
  const base = scrapeUrlOf(announceUrl);
  const query = infoHashes.map((hash) => `info_hash=${percentEncode(hash)}`).join('&');
  return `${base}${joint(base)}${query}`;
}

/** The counts of each hash, in the order asked. Throws as `parseAnnounceReply` does. */
export function parseScrapeReply(
  bytes: Uint8Array,
  infoHashes: readonly Uint8Array[],
): (ScrapeCounts | undefined)[] {
  const dictionary = decodeReply(bytes);
  const failure = failureIn(dictionary);
  if (failure !== undefined) throw failure;
  const files = dictionary.dict('files');
  return infoHashes.map((hash) => {
    // bittorrent-tracker 10 writes each byte of a hash as a character in UTF-8: no other hash looks so.
    const entry = files?.dict(keyOf(hash)) ?? files?.dict(Buffer.from(hash).toString('latin1'));
    if (entry === undefined) return undefined;
    return {
      seeds: countField(entry, 'complete') ?? 0,
      leechers: countField(entry, 'incomplete') ?? 0,
      completed: countField(entry, 'downloaded') ?? 0,
      downloaders: countField(entry, 'downloaders'),
    };
  });
}
