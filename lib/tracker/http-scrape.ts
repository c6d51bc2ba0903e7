// PURE. Scrapes over HTTP (BEP 48): derives the URL from an announce URL, and decodes the reply.

import { percentEncode } from '../bytes/percent';
import { keyOf } from '../bencode/text';
import type { ScrapeCounts } from './announce';
import { countField } from './bencode-fields';
import { decodeReply, failureIn, joint } from './http-codec';
import { requestError } from '../http/request-error';

/**
 * Most hashes in one request: at most 60 characters each, so 3 KB of URL, which every server
 * accepts.
 */
export const MAX_HASHES_PER_REQUEST = 50;

/**
 * The scrape URL of an announce URL: the last `announce` in its path becomes `scrape`, the query (a
 * passkey) stays. Throws `tracker-unsupported` if the path has none: such a tracker has no scrape.
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

/** The counts of each hash, in the order of the request. Throws like `parseAnnounceReply`. */
export function parseScrapeReply(
  bytes: Uint8Array,
  infoHashes: readonly Uint8Array[],
): (ScrapeCounts | undefined)[] {
  const dictionary = decodeReply(bytes);
  const failure = failureIn(dictionary);
  if (failure !== undefined) throw failure;
  const files = dictionary.dict('files');
  return infoHashes.map((hash) => {
    // bittorrent-tracker 10 writes each byte of a hash as a UTF-8 character: no other hash has this
    // form.
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
