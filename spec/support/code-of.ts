// What became of a promise, in a word that specs can compare.

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
