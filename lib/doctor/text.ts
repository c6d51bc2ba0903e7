// PURE. Figures as a diagnosis says them.

import type { PieceRange } from './findings';

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** `812 bytes`, `1.5 MiB`: powers of 1,024. */
export function sizeText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < UNITS.length - 1; unit++) value /= 1024;
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit] ?? ''}`;
}

/** `1 seed`, `no peers`, `3 peers`. */
export function countText(count: number, noun: string): string {
  return `${count === 0 ? 'no' : count} ${noun}${count === 1 ? '' : 's'}`;
}

/** `40 s`, `7 min`, `3 h`, `2 days`. */
export function durationText(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.round(seconds / 3600)} h`;
  return countText(Math.round(seconds / 86_400), 'day');
}

/** `0.2 s`. */
export function elapsedText(elapsedMs: number): string {
  return `${(elapsedMs / 1000).toFixed(1)} s`;
}

/** `1, 3-7 and 12 more ranges`. */
export function rangesText(ranges: readonly PieceRange[], most = 5): string {
  const shown = ranges
    .slice(0, most)
    .map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`))
    .join(', ');
  const rest = ranges.length - most;
  return rest > 0 ? `${shown} and ${rest} more ${rest === 1 ? 'range' : 'ranges'}` : shown;
}

/** A tracker's `cause` when it was the look-up of its name that failed. */
export const NAME_CAUSES: readonly string[] = [
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEOUT',
  'ENODATA',
  'ESERVFAIL',
];

/** System errors that users meet, in words; the code itself for others. */
const CAUSES: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EROFS: 'the file system is read-only',
  ENOENT: 'no file can be made there',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  ENOTDIR: 'a file is in its way',
  EADDRINUSE: 'another program has it',
  ENOTFOUND: 'there is no such name',
  EAI_AGAIN: 'the name server does not answer',
  EHOSTUNREACH: 'no way to that host',
  ENETUNREACH: 'no way to that network',
  ETIMEOUT: 'no answer in time',
};

export function causeText(cause: string): string {
  return CAUSES[cause] ?? cause;
}
