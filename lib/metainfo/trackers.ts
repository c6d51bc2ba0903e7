// Which trackers a torrent names (BEP 3, BEP 12). Only the form of a URL is looked at: no network here.
import type { BencodeDictionary, BencodeValue } from '../bencode/value';
import { asText } from '../bencode/text';

/** Longest tracker URL: what the common HTTP servers still accept as a request line. */
const MAX_URL_LENGTH = 8_192;
/** A known scheme, a host, and nothing that could break out of a request line or a terminal. */
const TRACKER_URL = /^(https?|udp|wss?):\/\/[^\s\p{Cc}/?#][^\s\p{Cc}]*$/iu;

/** Whether a text can be a tracker's URL: http, https, udp, ws or wss, a host, at most 8,192 characters. */
export function isTrackerUrl(text: string): boolean {
  return text.length <= MAX_URL_LENGTH && TRACKER_URL.test(text);
}

/**
 * Tracker URLs by tier. With an `announce-list` the `announce` is ignored (BEP 12), unless the list
 * has nothing usable in it. What is not a tracker URL is dropped, and so is a tier left empty.
 */
export function trackersOf(torrent: BencodeDictionary): string[][] {
  const tiers: string[][] = [];
  for (const tier of torrent.list('announce-list') ?? []) {
    const urls = Array.isArray(tier) ? tier.flatMap(urlOf) : [];
    if (urls.length > 0) tiers.push(urls);
  }
  if (tiers.length > 0) return tiers;
  const announce = urlOf(torrent.get('announce'));
  return announce.length > 0 ? [announce] : [];
}

function urlOf(value: BencodeValue | undefined): string[] {
  const text = value instanceof Uint8Array ? asText(value) : '';
  return isTrackerUrl(text) ? [text] : [];
}
