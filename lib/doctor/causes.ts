// PURE. System error codes in the words of a diagnosis.

import { isLackCode, meaningOf, systemAdvice } from '../errors/system-error';

/** Values of a tracker's `cause` if the look-up of its name failed. */
export const NAME_CAUSES: readonly string[] = [
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEOUT',
  'ENODATA',
  'ESERVFAIL',
];

/** Text for common system errors; other codes are shown unchanged. */
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
  return CAUSES[cause] ?? (isLackCode(cause) ? meaningOf(cause) : undefined) ?? cause;
}

/** What this machine lacks, and what to do about it; undefined if the cause is another one. */
export function shortageText(cause: string | undefined): string | undefined {
  return isLackCode(cause) ? `${causeText(cause ?? '')}${systemAdvice(cause)}` : undefined;
}
