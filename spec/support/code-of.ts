// What became of a promise or a call, in a word that specs can compare.

import { MillraceError } from '../../lib/errors/millrace-error';

/** The code of its failure, the text of one that is not ours, or `resolved`. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'resolved';
  } catch (error) {
    return error instanceof MillraceError ? error.code : String(error);
  }
}

/** The code of what `act` throws, or `nothing`; errors that are not ours are thrown on. */
export function codeThrown(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof MillraceError) return error.code;
    throw error;
  }
  return 'nothing';
}

/** The error of ours that the promise rejects with. */
export async function failureOf(promise: Promise<unknown>): Promise<MillraceError> {
  const error: unknown = await promise.then(
    () => new Error('expected a failure'),
    (reason: unknown) => reason,
  );
  if (error instanceof MillraceError) return error;
  throw error;
}
