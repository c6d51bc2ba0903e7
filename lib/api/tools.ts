// The small functions that need no engine, with checks of their arguments.

import { hexDump as dump } from '../inspect/hexdump';
import type { ByteRange, HexDumpOptions } from '../inspect/hexdump';
import type { Metainfo } from '../metainfo/metainfo';
import { withRemarks } from '../metainfo/create';
import { isTrackerUrl as isUrlOfTracker } from '../metainfo/trackers';
import { namesOnDisk as findNames } from '../storage/names-on-disk';
import { redactUrl as redact } from '../text/redact';
import {
  badOption,
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
 * Returns the torrent with the names that its files have in `folder`, an output folder: those in
 * its resume record there; else those of the mapping under which most files exist; else, for new
 * files, libtorrent's. One mapping applies to the whole torrent. Most torrents have no name on
 * which clients differ (`Metainfo.names` is undefined): for them the folder is not read. Errors of
 * the file system are ignored.
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
 * The bytes of a .torrent: the original info dictionary, the trackers, comment, creator and date. Other
 * keys of the file that was read, such as web seeds, are not kept.
 *
 * @throws MillraceError `bad-option` (`metainfo` was stored without its `infoBytes`); `bad-metainfo`
 * (it would be longer than 64 MiB).
 */
export function encodeTorrent(metainfo: Metainfo): Uint8Array {
  const checked = checkValue('metainfo', () => metainfo, metainfoRecord);
  if (checked.infoBytes !== undefined) return withRemarks(checked.infoBytes, checked);
  throw badOption('metainfo', 'must have infoBytes, the info dictionary as it was read');
}

/**
 * Whether a value is text that can be the URL of a tracker: http, https, udp, ws or wss, with a
 * host, at most 8,192 characters.
 */
export function isTrackerUrl(value: unknown): value is string {
  return typeof value === 'string' && isUrlOfTracker(value);
}

/**
 * The URL without credentials and fragment, and with query values and long path components
 * shortened. Accepts any text; the result is printable and at most 200 characters long.
 *
 * @throws MillraceError `bad-option` (not a string).
 */
export function redactUrl(url: string): string {
  return redact(checkValue('url', () => url, anyText));
}

/**
 * A hex dump: one line per row of at most 16 bytes, and the total at the end, like `hexdump -C`.
 * Each range (ascending, not overlapping) starts a new row with its label; bytes outside all ranges
 * are dumped without a label.
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
