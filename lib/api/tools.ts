// The small functions that embedders call without an engine, with checks of what they are given.

import { hexDump as dump } from '../inspect/hexdump';
import type { ByteRange, HexDumpOptions } from '../inspect/hexdump';
import type { Metainfo } from '../metainfo/metainfo';
import { isTrackerUrl as isUrlOfTracker } from '../metainfo/trackers';
import { namesOnDisk as findNames } from '../storage/names-on-disk';
import { redactUrl as redact } from '../text/redact';
import {
  bytes,
  checkOptions,
  checkValue,
  isObject,
  list,
  text,
  wholeNumber,
  wrong,
} from './checks';
import type { Check, Checks } from './checks';
import { metainfoRecord } from './sources';

const anyText: Check<string> = (name, value) => {
  if (typeof value === 'string') return value;
  throw wrong(name, 'text', value);
};

const byteRange: Check<ByteRange> = (name, value) => {
  const { startByte, endByte, label, value: words } = isObject(value) ? (value as ByteRange) : {};
  const isRange =
    Number.isSafeInteger(startByte) &&
    Number.isSafeInteger(endByte) &&
    typeof label === 'string' &&
    typeof words === 'string';
  if (isRange) return value as ByteRange;
  throw wrong(name, 'a range (startByte, endByte, label, value)', value);
};

const DUMP = {
  maxRangeBytes: wholeNumber(0, Number.MAX_SAFE_INTEGER),
} satisfies Checks<HexDumpOptions>;

/**
 * The torrent with the names that its files have in `folder`, an output folder: those of its resume
 * record there; else by the mapping under which most files exist; else, for new files, libtorrent's.
 * One mapping holds for the whole torrent. Most torrents have no name on which clients differ
 * (`Metainfo.names` is undefined): for them nothing is looked at. Never raises because of what it finds.
 *
 * @throws MillraceError `bad-option`.
 */
export async function namesOnDisk(metainfo: Metainfo, folder: string): Promise<Metainfo> {
  return findNames(
    checkValue('metainfo', () => metainfo, metainfoRecord),
    checkValue('folder', () => folder, text('the path of a folder')),
  );
}

/**
 * Whether a value is text that can be a tracker's URL: http, https, udp, ws or wss, a host, at most 8,192
 * characters.
 */
export function isTrackerUrl(value: unknown): value is string {
  return typeof value === 'string' && isUrlOfTracker(value);
}

/**
 * The URL with credentials removed, query values and long path components shortened, and the
 * fragment dropped. Takes any text; the result is printable and at most 200 characters long.
 *
 * @throws MillraceError `bad-option` (it is no text).
 */
export function redactUrl(url: string): string {
  return redact(checkValue('url', () => url, anyText));
}

/**
 * The dump, one line for each row of at most 16 bytes, ended by the total as `hexdump -C` does. Each
 * range (ascending, not overlapping) begins a row of its own, which carries its label; bytes that no
 * range covers are dumped without one.
 *
 * @throws MillraceError `bad-option`.
 */
export function hexDump(
  dumped: Uint8Array,
  ranges: readonly ByteRange[] = [],
  options: HexDumpOptions = {},
): string {
  return dump(
    checkValue('bytes', () => dumped, bytes),
    checkValue('ranges', () => ranges, list('ranges', byteRange)),
    checkOptions('hexDump', options, DUMP),
  );
}
