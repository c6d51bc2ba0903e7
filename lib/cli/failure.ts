// Converts any thrown value to one line and an exit code. Expected failures show no stack trace.

import { systemAdvice, systemMessage } from '../errors/system-error';
import type { MillraceError } from '../index';
import { messageOf } from './output/advice';
import { EXIT } from './context';
import { jsonLine, printable } from './output/text';

/** Advice that the library leaves to its callers, which know the purpose of a path. */
const OUR_ADVICE: Readonly<Record<string, string>> = {
  ENOENT: '; check the path',
  ENOTDIR: '; check the path',
};

/** Invalid option values that only the library can detect: they are wrong usage. */
const USAGE_CODES = new Set(['bad-option', 'bad-peer-address']);

export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly exitCode: number;
}

export function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) {
    return { code: 'unexpected', message: String(error), exitCode: EXIT.failed };
  }
  const { code } = error as NodeJS.ErrnoException;
  if (typeof code !== 'string') {
    return { code: 'unexpected', message: error.message, exitCode: EXIT.failed };
  }
  const reason = 'details' in error ? messageOf(error as MillraceError) : systemMessage(error);
  const advice = systemAdvice(code) || (OUR_ADVICE[code] ?? '');
  const message = reason.includes(advice) ? reason : reason + advice;
  return { code, message, exitCode: USAGE_CODES.has(code) ? EXIT.usage : EXIT.failed };
}

/** The line on stderr. */
export function failureLine(failure: Failure): string {
  return `millrace: ${printable(failure.message)}\n`;
}

/** The object on stdout with `--json`. */
export function failureJson({ code, message }: Failure): string {
  return jsonLine({ type: 'error', code, message });
}
