// The only error class. Between threads it travels as a plain record. Errors are distinguished by
// `code`, because class and own fields do not survive `postMessage`.

import { systemMessage } from './system-error';

/** An error in the form in which it is sent between threads. */
export interface ErrorRecord {
  readonly code: string;
  readonly message: string;
  readonly details?: Readonly<Record<string, string | number | boolean>>;
}

/**
 * An error that Millrace throws on purpose. `code` is stable and documented; `message` is one
 * sentence that names what broke which rule and, where possible, what to do.
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

  /**
   * Compares names: a bundled thread and a storage module that it loads may each have their own
   * copy of this class, and exchange errors.
   */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof Error && value.name === 'MillraceError';
  }

  /** A plain object that survives `postMessage`, comlink and Piscina. */
  toRecord(): ErrorRecord {
    return { code: this.code, message: this.message, details: this.details };
  }

  static fromRecord(record: ErrorRecord): MillraceError {
    return new MillraceError(record.code, record.message, record.details);
  }
}

/**
 * An error with advice: `<sentence>; <advice>`. The advice speaks of this API (`the option adopt`).
 * `details.advice` repeats it alone, so that a program such as the command line can replace it by
 * its own. The advice quotes no input.
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
 * Converts any thrown value to a record. System errors keep their code (`ENOSPC`), and their
 * message names the file (`details.path`); others get `unexpected`.
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

/** For the default case of a switch over a union: fails to compile if a variant is missing. */
export function assertNever(value: never): never {
  throw new MillraceError('unexpected', `unhandled variant: ${JSON.stringify(value)}`);
}
