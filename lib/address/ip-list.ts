// PURE. Reads lists of IP ranges in the formats of other clients: P2P text (PeerGuardian), DAT (eMule's
// ipfilter.dat), and CIDR, one range per line. Each line may have another format.

import { RangeList } from './ip-ranges';
import { parseAddress } from './text';

/** Most ranges in one filter: 8 bytes each for IPv4, 32 bytes each for IPv6, so 128 MB at most. */
export const MAX_RANGES = 4_000_000;

/** A longer line is malformed: names in such lists have less than 200 characters. */
export const MAX_LINE_LENGTH = 4096;

/** A line of a DAT file blocks its range if its level is below this (eMule). */
const BLOCKING_BELOW_LEVEL = 128;

/** `first - last`, and in DAT `, level , name`; `first` may also stand alone or before `/bits`. */
const RANGE = /^([0-9a-f.:]+)(?:\s*-\s*([0-9a-f.:]+))?\s*(?:,\s*(\d{1,4})\s*(?:,.*)?)?$/i;
const PREFIX = /^([0-9a-f.:]+)\/(\d{1,3})$/i;
/** The longest text of an address, as in `parseAddress`. */
const MAX_ADDRESS_LENGTH = 45;
const BYTE_ORDER_MARK = '\u00ef\u00bb\u00bf';

export interface IpListReport {
  /** Lines with a range, including DAT lines with a level that does not block. */
  readonly validLines: number;
  readonly malformedLines: number;
  /** The first malformed line, counted from 1; undefined if there is none. */
  readonly firstMalformedLine: number | undefined;
}

/** Reads the text of one file, in parts of any size, into a list of ranges. */
export class IpListReader {
  private readonly ranges: RangeList;
  private rest = '';
  /** The present line is longer than `MAX_LINE_LENGTH`: its end is skipped. */
  private skipping = false;
  private line = 0;
  private validLines = 0;
  private malformedLines = 0;
  private firstMalformedLine: number | undefined;

  constructor(ranges: RangeList) {
    this.ranges = ranges;
  }

  /** Reads the next part of the text, decoded as Latin-1: only names can contain other letters. */
  read(text: string): void {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop() ?? '';
    for (const line of lines) this.end(line);
    if (this.rest.length <= MAX_LINE_LENGTH) return;
    if (!this.skipping) this.malformed(this.line + 1);
    this.skipping = true;
    this.rest = '';
  }

  /** Reads the last line, which may lack a line break. */
  finish(): IpListReport {
    if (this.rest !== '' || this.skipping) this.end(this.rest);
    this.rest = '';
    const { validLines, malformedLines, firstMalformedLine } = this;
    return { validLines, malformedLines, firstMalformedLine };
  }

  private end(text: string): void {
    this.line += 1;
    if (this.skipping) {
      this.skipping = false;
      return;
    }
    const isFirst = this.line === 1 && text.startsWith(BYTE_ORDER_MARK);
    const line = isFirst ? text.slice(BYTE_ORDER_MARK.length) : text;
    const read = line.length <= MAX_LINE_LENGTH && addLine(this.ranges, line);
    if (read === false) this.malformed(this.line);
    else if (read) this.validLines += 1;
  }

  private malformed(line: number): void {
    this.malformedLines += 1;
    this.firstMalformedLine ??= line;
  }
}

/**
 * Adds the range of a line: `192.0.2.1-192.0.2.9`, `192.0.2.0/24`, a single address, or a line of a
 * P2P or DAT file. Returns undefined for a line without content, and false for a malformed one.
 */
export function addLine(ranges: RangeList, line: string): boolean | undefined {
  const text = line.trim();
  if (text === '' || /^(?:[#;]|\/\/)/.test(text)) return undefined;
  return addRange(ranges, text) || addNamed(ranges, text) || addRange(ranges, withoutRemark(text));
}

function addRange(ranges: RangeList, text: string): boolean {
  const prefix = PREFIX.exec(text);
  if (prefix !== null) return addPrefix(ranges, prefix[1] ?? '', Number(prefix[2]));
  const range = RANGE.exec(text);
  if (range === null) return false;
  const [, from = '', to = from, level = '0'] = range;
  if (Number(level) < BLOCKING_BELOW_LEVEL) return addSpan(ranges, from, to);
  return addSpan(new RangeList(), from, to);
}

/** P2P: `name:first-last`. The name may contain anything, also colons and dashes. */
function addNamed(ranges: RangeList, text: string): boolean {
  const dash = text.lastIndexOf('-');
  const to = text.slice(dash + 1).trim();
  const before = text.slice(0, Math.max(0, dash)).trimEnd();
  if (!to.includes(':')) {
    const colon = before.lastIndexOf(':');
    return colon >= 0 && addSpan(ranges, before.slice(colon + 1).trim(), to);
  }
  // IPv6: some of the colons before the dash belong to the address. The longest valid address counts.
  const longest = before.slice(-MAX_ADDRESS_LENGTH);
  let from = longest === before ? longest : longest.slice(longest.indexOf(':') + 1);
  while (addressIn(from.trim()) === undefined) {
    const colon = from.indexOf(':');
    if (colon < 0) return false;
    from = from.slice(colon + 1);
  }
  return addSpan(ranges, from.trim(), to);
}

/** Without what follows `#`, `;` or `//`. */
function withoutRemark(text: string): string {
  const at = text.search(/[#;]|\/\//);
  return at < 0 ? text : text.slice(0, at).trimEnd();
}

function addSpan(ranges: RangeList, from: string, to: string): boolean {
  const first = addressIn(from);
  const last = to === from ? first : addressIn(to);
  return first !== undefined && last !== undefined && ranges.add(first, last);
}

function addPrefix(ranges: RangeList, text: string, bits: number): boolean {
  const first = addressIn(text);
  if (first === undefined) return false;
  // An IPv4 address in the form of IPv6: its prefix counts the 96 bits before it.
  const ownBits = first.length === 4 && text.includes(':') ? bits - 96 : bits;
  if (ownBits < 0 || ownBits > 8 * first.length) return false;
  const last = Uint8Array.from(first);
  for (let at = 0; at < first.length; at += 1) {
    const free = 0xff >> Math.min(8, Math.max(0, ownBits - 8 * at));
    first[at] = (first[at] ?? 0) & ~free;
    last[at] = (last[at] ?? 0) | free;
  }
  return ranges.add(first, last);
}

/** Lists pad the numbers of IPv4 addresses with zeros (`001.009.096.105`); they are decimal. */
function addressIn(text: string): Uint8Array | undefined {
  return parseAddress(text) ?? parseAddress(text.replace(/(^|\.)0{1,2}(?=\d)/g, '$1'));
}
