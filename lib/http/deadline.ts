// EDGE. Runs a request with a deadline and a signal: either ends it at once, and the error shows
// which.

import { onAbort } from '../async/on-abort';
import { MillraceError } from '../errors/millrace-error';
import { requestError } from './request-error';
import type { Subject } from './request-error';

export interface DeadlineOptions {
  readonly subject: Subject;
  readonly url: string;
  /** Time limit of the work. */
  readonly timeoutMs: number;
  /**
   * The caller's signal. A reason named `TimeoutError` (`AbortSignal.timeout`) counts as a timeout.
   */
  readonly signal?: AbortSignal;
}

/**
 * Runs `work`, whose signal fires with the error to reject with: `<subject>-timeout` or `aborted`.
 */
export async function withDeadline<T>(
  { subject, url, timeoutMs, signal }: DeadlineOptions,
  work: (stop: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const late = (when: string): void =>
    stop.abort(requestError(subject, 'timeout', url, `did not answer in full ${when}`));
  const aborted = (): void => {
    if (signal?.reason instanceof Error && signal.reason.name === 'TimeoutError')
      return late('in time');
    stop.abort(new MillraceError('aborted', `the request to a ${subject} was aborted`));
  };
  const off = onAbort(signal, aborted);
  const timer = setTimeout(() => late(`within ${timeoutMs} ms`), timeoutMs);
  try {
    return await work(stop.signal);
  } finally {
    clearTimeout(timer);
    off();
  }
}
