// The outcome of a promise or a call, as one word that specs can compare.

import { MillraceError } from '../../lib/errors/millrace-error';

/** The error code of a rejection, the text of a foreign error, or `resolved`. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'resolved';
  } catch (error) {
    return error instanceof MillraceError ? error.code : String(error);
  }
}

/** The code of the MillraceError that `act` throws, or `nothing`; other errors are rethrown. */
export function codeThrown(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof MillraceError) return error.code;
    throw error;
  }
  return 'nothing';
}

/** The MillraceError that the promise rejects with. */
export async function failureOf(promise: Promise<unknown>): Promise<MillraceError> {
  const error: unknown = await promise.then(
    () => new Error('expected a failure'),
    (reason: unknown) => reason,
  );
  if (error instanceof MillraceError) return error;
  throw error;
}
