// Which trackers a torrent has (BEP 3, BEP 12). Only the form of URLs is checked; no network
// access.
import type { Scanner, Span } from '../bencode/scan';
import { asText } from '../bencode/text';
import { MAX_TRACKERS } from './limits';
import type { IgnoredTracker } from './metainfo';

/** Longest tracker URL: what the common HTTP servers still accept as a request line. */
export const MAX_URL_LENGTH = 8_192;
/** Number of ignored URLs that are kept to be shown; others are counted. */
const MAX_IGNORED_KEPT = 20;
/** Number of characters of an ignored URL that are kept: enough to find it in the file. */
const MAX_IGNORED_CHARS = 200;

/** The rule that a tracker URL breaks, worded to follow it, or undefined if it is acceptable. */
export function brokenTrackerRule(text: string): string | undefined {
  if (text.length > MAX_URL_LENGTH) return `it is longer than ${MAX_URL_LENGTH} characters`;
  if (!/^(https?|udp|wss?):\/\//i.test(text)) {
    return 'it does not start with http://, https://, udp://, ws:// or wss://';
  }
  if (/[\s\p{Cc}]/u.test(text)) return 'it has a blank or control character inside';
  if (!/:\/\/[^/?#]/.test(text)) return 'it names no host';
  return undefined;
}

/**
 * Whether a text can be a tracker's URL: http, https, udp, ws or wss, with a host, at most 8,192
 * characters.
 */
export function isTrackerUrl(text: string): boolean {
  return brokenTrackerRule(text) === undefined;
}

/** The trackers of a torrent, used and ignored. */
export interface Trackers {
  readonly trackers: readonly (readonly string[])[];
  /** The first ignored ones. */
  readonly ignored: readonly IgnoredTracker[];
  readonly ignoredCount: number;
}

/**
 * Tracker URLs by tier. With an `announce-list` the `announce` is ignored (BEP 12), unless the list
 * has nothing usable. Invisible characters around a URL (blanks, control characters) are removed.
 * Other values that are not tracker URLs are noted as ignored, except empty ones; empty tiers are
 * left out.
 */
export function trackersOf(
  scanner: Scanner,
  announceList: Span | undefined,
  announce: Span | undefined,
): Trackers {
  const gathered = new TrackerList();
  for (const tier of scanner.isList(announceList) ? scanner.list(announceList.start) : []) {
    gathered.startTier();
    if (scanner.isList(tier)) {
      for (const url of scanner.list(tier.start)) gathered.add(scanner.string(url));
    } else gathered.addOutside(scanner.string(tier));
  }
  if (gathered.trackers.length === 0) {
    gathered.startTier();
    gathered.add(scanner.string(announce));
  }
  return gathered;
}

class TrackerList implements Trackers {
  readonly trackers: string[][] = [];
  readonly ignored: IgnoredTracker[] = [];
  ignoredCount = 0;
  private tier: string[] = [];
  private used = 0;

  startTier(): void {
    this.tier = [];
  }

  /** Adds a URL. A value that is not a byte string (undefined) or empty is skipped. */
  add(value: Uint8Array | undefined): void {
    const url = textOf(value);
    if (url === '') return;
    const broken = brokenTrackerRule(url);
    if (broken !== undefined) return this.ignore(url, broken);
    if (this.used === MAX_TRACKERS) return this.ignore(url, `${MAX_TRACKERS} others come first`);
    if (this.tier.length === 0) this.trackers.push(this.tier);
    this.tier.push(url);
    this.used++;
  }

  /** Notes a URL in the place of a tier: no client reads it. */
  addOutside(value: Uint8Array | undefined): void {
    const url = textOf(value);
    if (url !== '') this.ignore(url, 'it stands outside the lists that are tiers');
  }

  private ignore(url: string, reason: string): void {
    this.ignoredCount++;
    if (this.ignored.length < MAX_IGNORED_KEPT) {
      this.ignored.push({ url: url.slice(0, MAX_IGNORED_CHARS), reason });
    }
  }
}

/** An invisible character: a blank of any script, a control character, a zero-width mark. */
const UNSEEN = /[\s\p{Cc}\p{Cf}]/u;

/** The text of a URL without invisible characters at its ends, as after copying from a web page. */
function textOf(value: Uint8Array | undefined): string {
  const bytes = trimmed(value);
  // A character takes at most 4 bytes, so a text that is cut here is too long anyway.
  const most = 4 * MAX_URL_LENGTH + 4;
  const text = asText(bytes.subarray(0, most));
  if (bytes.length > most) return text;
  let start = 0;
  let end = text.length;
  while (start < end && UNSEEN.test(text.charAt(start))) start++;
  while (end > start && UNSEEN.test(text.charAt(end - 1))) end--;
  return text.slice(start, end);
}

/** Removes ASCII blanks and control characters at both ends. */
function trimmed(bytes: Uint8Array = new Uint8Array()): Uint8Array {
  let start = 0;
  let end = bytes.length;
  while (start < end && isBlank(bytes[start])) start++;
  while (end > start && isBlank(bytes[end - 1])) end--;
  return bytes.subarray(start, end);
}

function isBlank(byte = 0): boolean {
  return byte <= 0x20 || byte === 0x7f;
}
