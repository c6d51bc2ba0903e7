// What the user can do about an error of the system that stopped a torrent. Pure.

import { advised } from '../errors/millrace-error';
import type { ErrorRecord } from '../errors/millrace-error';
import { meaningOf, systemAdvice } from '../errors/system-error';
import { contentBytes } from '../metainfo/layout';
import type { TorrentState } from './state';

/** Codes of a disk that takes no more. */
const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);

const GO_ON = 'resume the torrent or start it again: nothing that was verified is lost';

/** The error with what is missing and what to do behind it; unchanged where it is not the system's. */
export function withRemedy(torrent: TorrentState, error: ErrorRecord): ErrorRecord {
  const { code, message } = error;
  const meaning = meaningOf(code);
  if (meaning === undefined) return error;
  // What a back end of the embedder's raises may be the code alone, or the system's own words.
  const said = message.includes(meaning) ? message : `${meaning} (${message})`;
  const missingBytes = contentBytes(torrent.metainfo) - torrent.possession.doneBytes;
  const missing = FULL.has(code) ? `; ${missingBytes} bytes of the torrent are still missing` : '';
  const first = systemAdvice(code).replace(/^; (.*)$/, '$1, then ');
  const details = { ...error.details, ...(FULL.has(code) && { missingBytes }) };
  return advised(code, `${said}${missing}`, first + GO_ON, details).toRecord();
}
