// Any thrown value → one line and one exit code. Expected failures never show a stack trace.

import type { MillraceError } from '../index';
import { messageOf } from './advice';
import { EXIT } from './context';
import { jsonLine, printable } from './text';

/** What the operating system's commonest errors mean, in words. */
const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  ENOTDIR: 'a part of the path is not a folder',
  EISDIR: 'it is a folder',
  EEXIST: 'it exists already',
  EACCES: 'permission denied',
  EPERM: 'the operation is not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EMFILE: 'too many open files',
};

/** Failures of the options' values that only the library can find: as wrong as a misspelt option. */
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
  const { code, path } = error as NodeJS.ErrnoException;
  if (typeof code !== 'string') {
    return { code: 'unexpected', message: error.message, exitCode: EXIT.failed };
  }
  const meaning = SYSTEM_ERRORS[code];
  const message =
    meaning && path !== undefined ? `${path}: ${meaning}` : messageOf(error as MillraceError);
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
