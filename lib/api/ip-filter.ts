// EDGE. The IP filter of the user: reads its files, a part at a time, and compiles everything into
// one filter that all threads share.

import type { FileHandle } from 'node:fs/promises';
import type * as zlib from 'node:zlib';
import { IpFilter } from '../address/ip-filter';
import { IpListReader, MAX_RANGES, addLine } from '../address/ip-list';
import { RangeList } from '../address/ip-ranges';
import { GIB } from '../bytes/lengths';
import { MillraceError } from '../errors/millrace-error';
import { systemReason } from '../errors/system-error';
import { OPEN_TO_READ, openRegularAsync } from '../storage/open-regular';
import { group, list, optional, text, wrong } from './checks';
import type { Check, Checks } from './checks';

/**
 * Accepts or refuses peers by address. A range is `192.0.2.0/24`, `192.0.2.1-192.0.2.9` or a single
 * address, IPv4 or IPv6. Files contain one range per line, as P2P text (PeerGuardian), DAT (eMule's
 * ipfilter.dat) or CIDR, and may be compressed with gzip.
 */
export interface IpFilterOptions {
  /** Peers in these ranges are refused. */
  readonly block?: readonly string[];
  /** Peers in the ranges of these files are refused, too. */
  readonly blockFiles?: readonly string[];
  /**
   * If `allow` or `allowFiles` is given, only peers in their ranges and on loopback are accepted, unless
   * they are blocked. Default: all addresses.
   */
  readonly allow?: readonly string[];
  readonly allowFiles?: readonly string[];
}

/** The size of an IP filter, and what was read from its files. */
export interface IpFilterReport {
  /** Refused ranges, after overlapping and adjacent ones were merged. */
  readonly ranges: number;
  readonly files: readonly {
    readonly path: string;
    /** Lines with a range. */
    readonly validLines: number;
    /** Lines that are neither empty, nor a comment, nor a range. They are ignored. */
    readonly malformedLines: number;
    /** Number of the first malformed line, from 1; undefined if there is none. */
    readonly firstMalformedLine: number | undefined;
  }[];
}

/** A filter, and the summary of its sources. */
export interface LoadedIpFilter {
  readonly filter: IpFilter;
  readonly report: IpFilterReport;
}

/** Longest text of a file in bytes, after decompression: ten times the largest public lists. */
const MAX_TEXT_BYTES = GIB;

/** Bytes per part: it is parsed in less than 10 ms, which the event loop may wait. */
const PART_BYTES = 256 * 1024;

const range: Check<string> = (name, value) => {
  if (typeof value === 'string' && addLine(new RangeList(), value) === true) return value;
  throw wrong(name, 'a range: 192.0.2.0/24, 192.0.2.1-192.0.2.9, or one address', value);
};

const RANGES = optional(list('ranges of addresses', range));
const FILES = optional(list('files', text('the path of a file')));

const FILTER = group({
  block: RANGES,
  blockFiles: FILES,
  allow: RANGES,
  allowFiles: FILES,
} satisfies Checks<IpFilterOptions>);

export type CheckedIpFilter = ReturnType<typeof FILTER>;

/** Checks the option; undefined if there is no filter. */
export const ipFilterOption: Check<CheckedIpFilter | undefined> = optional(FILTER);

/**
 * Reads the files of a filter.
 *
 * @throws MillraceError `bad-ip-filter`: a file cannot be read, has no valid line, or is too large.
 */
export async function loadIpFilter(
  { block, blockFiles, allow, allowFiles }: CheckedIpFilter,
  signal?: AbortSignal,
): Promise<LoadedIpFilter> {
  const files: IpFilterReport['files'][number][] = [];
  const load = async (
    ranges: readonly string[] = [],
    paths: readonly string[] = [],
  ): Promise<RangeList> => {
    const found = new RangeList();
    for (const each of ranges) addLine(found, each);
    for (const path of paths) files.push({ path, ...(await readList(path, found, signal)) });
    return found;
  };
  const blocked = await load(block, blockFiles);
  const isLimited = allow !== undefined || allowFiles !== undefined;
  const allowed = isLimited ? await load(allow, allowFiles) : undefined;
  const filter = IpFilter.refusing(blocked, allowed);
  return { filter, report: { ranges: filter.ranges, files } };
}

async function readList(
  path: string,
  ranges: RangeList,
  signal: AbortSignal | undefined,
): Promise<ReturnType<IpListReader['finish']>> {
  const reader = new IpListReader(ranges);
  try {
    const file = await openRegularAsync(path, OPEN_TO_READ);
    try {
      for await (const part of textOf(path, file)) {
        signal?.throwIfAborted();
        reader.read(part.toString('latin1'));
        if (ranges.count > MAX_RANGES) throw bad(path, `it has more than ${MAX_RANGES} ranges`);
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    signal?.throwIfAborted(); // An abort takes precedence: it caused the other error.
    if (!(error instanceof MillraceError)) throw bad(path, systemReason(error));
    if (error.code !== 'not-a-regular-file') throw error;
    throw bad(path, `it is ${String(error.details.kind)}`);
  }
  const report = reader.finish();
  if (report.validLines > 0) return report;
  throw bad(
    path,
    report.malformedLines === 0
      ? 'it is empty'
      : `none of its ${report.malformedLines} lines is a range of addresses (P2P, DAT or CIDR, plain or gzip)`,
  );
}

/** The text of a file in parts, decompressed. */
async function* textOf(path: string, file: FileHandle): AsyncGenerator<Buffer> {
  const magic = Buffer.alloc(2);
  await file.read(magic, 0, 2, 0);
  if (magic.equals(ZIP)) throw bad(path, 'it is a ZIP archive: unpack it');
  const start = { start: 0, autoClose: false, highWaterMark: PART_BYTES };
  const stored = file.createReadStream(start);
  let lengthBytes = 0;
  for await (const part of magic.equals(GZIP) ? stored.pipe(gunzip(stored)) : stored) {
    const bytes = part as Buffer;
    lengthBytes += bytes.length;
    if (lengthBytes > MAX_TEXT_BYTES) throw bad(path, 'its text is longer than 1 GiB');
    yield bytes;
  }
}

const GZIP = Buffer.of(0x1f, 0x8b);
const ZIP = Buffer.from('PK');

/** Node's zlib is loaded only for a compressed file. */
function gunzip(source: NodeJS.EventEmitter): zlib.Gunzip {
  const { createGunzip } = require('node:zlib') as typeof zlib;
  const gunzipped = createGunzip({ chunkSize: PART_BYTES });
  source.on('error', (error: Error) => gunzipped.destroy(error));
  return gunzipped;
}

function bad(path: string, why: string): MillraceError {
  return new MillraceError('bad-ip-filter', `the IP filter ${path} cannot be used: ${why}`, {
    path,
  });
}
