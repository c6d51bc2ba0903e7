// The one error class of the house. It crosses threads as a plain record and is told apart by its
// `code`, never by class or text, because class and own fields do not survive a thread hop.

import { systemMessage } from './system-error';

/** An error as it crosses a thread boundary. */
export interface ErrorRecord {
  readonly code: string;
  readonly message: string;
  readonly details?: Readonly<Record<string, string | number | boolean>>;
}

/**
 * An error that Millrace raises on purpose: `code` is stable and documented, `message` is one
 * sentence that names what broke which rule, and what to do next where that helps.
 */
export class MillraceError<Code extends string = string> extends Error {
  override readonly name = 'MillraceError';
  readonly code: Code;
  readonly details: Readonly<Record<string, string | number | boolean>>;

  constructor(code: Code, message: string, details: ErrorRecord['details'] = {}) {
    super(message);
    this.code = code;
    this.details = details;
  }

  /** By name: a bundled thread and a store that it loads may each have this class, and throw to each other. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof Error && value.name === 'MillraceError';
  }

  /** A plain object that survives `postMessage`, comlink and Piscina unchanged. */
  toRecord(): ErrorRecord {
    return { code: this.code, message: this.message, details: this.details };
  }

  static fromRecord(record: ErrorRecord): MillraceError {
    return new MillraceError(record.code, record.message, record.details);
  }
}

/**
 * An error with what to do about it, `<sentence>; <advice>`, in terms of this API (`the option adopt`).
 * `details.advice` is that part alone: a program whose users know no API says it in other words, as the
 * command line does. It quotes nothing from outside.
 */
export function advised(
  code: string,
  sentence: string,
  advice: string,
  details: ErrorRecord['details'] = {},
): MillraceError {
  return new MillraceError(code, `${sentence}; ${advice}`, { ...details, advice });
}

/**
 * Any thrown value as a record. Errors of the system keep their code (`ENOSPC`) and say in words which
 * file is at fault (`details.path`); others get `unexpected`.
 */
export function recordOf(error: unknown): ErrorRecord {
  if (error instanceof MillraceError) return error.toRecord();
  if (error instanceof Error) {
    const { code, path } = error as NodeJS.ErrnoException;
    return {
      code: typeof code === 'string' ? code : 'unexpected',
      message: systemMessage(error),
      ...(typeof path === 'string' && { details: { path } }),
    };
  }
  return { code: 'unexpected', message: String(error) };
}

/** Marks a switch that must handle every variant of a union; fails to compile when one is missing. */
export function assertNever(value: never): never {
  throw new MillraceError('unexpected', `unhandled variant: ${JSON.stringify(value)}`);
}
