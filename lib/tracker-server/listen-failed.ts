// PURE. The error of a tracker that cannot start.

import { MillraceError } from '../errors/millrace-error';
import { listenReason } from '../errors/system-error';

export function listenFailed(
  protocol: 'HTTP' | 'UDP',
  host: string,
  port: number,
  error: NodeJS.ErrnoException,
): MillraceError {
  return new MillraceError(
    'tracker-listen-failed',
    `the tracker cannot listen on ${host} ${protocol} port ${port}: ${listenReason(error)}`,
    { cause: error.code ?? 'unknown' },
  );
}
