// PURE. The errors of requests to trackers and web servers: a stable code, one sentence, and the
// URL in redacted form.

import { MillraceError } from '../errors/millrace-error';
import { isLackOfOurs, systemReason } from '../errors/system-error';
import { redactUrl } from '../text/redact';
import { printable } from '../text/printable';

/** First word of every error code and message: `tracker-timeout`, `torrent-timeout` … */
export type Subject = 'tracker' | 'torrent';

export type Failure =
  | 'unreachable'
  | 'timeout'
  | 'bad-reply'
  | 'http-status'
  | 'unsupported'
  /** Its address is one that this URL must not make us contact (reach.ts). */
  | 'forbidden';

/** An error of this subject: `tracker` and `timeout` make the code `tracker-timeout`. */
export function requestError(
  subject: Subject,
  failure: Failure,
  url: string | URL,
  what: string,
  details: Readonly<Record<string, string | number>> = {},
): MillraceError {
  // Without the query: the ten fields of an announce would distract the reader.
  const [address = ''] = String(url).split('?', 1);
  const shown = redactUrl(address);
  return new MillraceError(`${subject}-${failure}`, `${subject} ${shown} ${what}`, {
    url: shown,
    ...details,
  });
}

/** Nothing was sent, because of where `url` leads; `why` comes from reach.ts. */
export function forbidden(
  subject: Subject,
  url: string | URL,
  address: string,
  why: string,
): MillraceError {
  return requestError(subject, 'forbidden', url, why, { address });
}

/** Text for common cases in which Node's message is a code or (with two addresses) empty. */
const PLAIN_WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refuses connections',
  ECONNRESET: 'broke the connection',
  EPIPE: 'broke the connection',
  ENOTFOUND: 'has a host name that does not exist',
  EAI_AGAIN: 'has a host name that cannot be looked up now',
  EHOSTUNREACH: 'is at a host that cannot be reached',
  ENETUNREACH: 'is in a network that cannot be reached',
  EADDRNOTAVAIL: 'is in a network that cannot be reached',
  ETIMEDOUT: 'did not take the connection',
};

/** The error for a failed connection to `url`; `details.cause` is the system's code. */
export function connectionError(
  subject: Subject,
  url: string | URL,
  error: NodeJS.ErrnoException,
): MillraceError {
  const cause = error.code ?? 'unknown';
  // HPE_*: Node's HTTP parser found something that is not HTTP.
  if (cause.startsWith('HPE_')) {
    return requestError(subject, 'bad-reply', url, `does not speak HTTP: ${describe(error)}`, {
      cause,
    });
  }
  const why = isLackOfOurs(error) ? systemReason(error) : describe(error);
  const what = PLAIN_WORDS[cause] ?? `cannot be reached: ${why}`;
  return requestError(subject, 'unreachable', url, what, { cause });
}

export function describe(error: unknown): string {
  return printable(error instanceof Error ? error.message : String(error), 120);
}
