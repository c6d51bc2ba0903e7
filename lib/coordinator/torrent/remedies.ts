// PURE. What the user can do about a system error that stopped a torrent.

import { advised } from '../../errors/millrace-error';
import type { ErrorRecord } from '../../errors/millrace-error';
import { meaningOf, systemAdvice } from '../../errors/system-error';
import { contentBytes } from '../../metainfo/layout';
import type { Content, TorrentState } from '../state';

/** Error codes of a full disk or an exhausted quota. */
const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);

const GO_ON = 'resume the torrent or start it again: nothing that was verified is lost';

/** Adds to a system error what is missing and what to do; returns other errors unchanged. */
export function withRemedy({ content }: TorrentState, error: ErrorRecord): ErrorRecord {
  const { code, message } = error;
  const meaning = meaningOf(code);
  if (meaning === undefined) return error;
  // The message of an embedder's back end may be the code alone, or the system's own text.
  const sentence = message.includes(meaning) ? message : `${meaning} (${message})`;
  const missingBytes = FULL.has(code) && content ? missingBytesOf(content) : undefined;
  const missing =
    missingBytes === undefined ? '' : `; ${missingBytes} bytes of the torrent are still missing`;
  const first = systemAdvice(code).replace(/^; (.*)$/, '$1, then ');
  const details = { ...error.details, ...(missingBytes !== undefined && { missingBytes }) };
  return advised(code, `${sentence}${missing}`, first + GO_ON, details).toRecord();
}

function missingBytesOf({ metainfo, possession }: Content): number {
  return contentBytes(metainfo) - possession.doneBytes;
}
