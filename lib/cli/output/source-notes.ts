// Notices of `create` and `share` about links and special files in the folder. Pure.

import type { CreatedTorrent, LinkRule } from '../../index';
import { plural } from '../../text/counts';
import { printable } from './text';

export const LINK_RULES: readonly LinkRule[] = ['inside', 'skip', 'follow'];

/** Most entries that are listed; `--json` has all. */
const MOST_NAMED = 10;

type Found = Pick<CreatedTorrent, 'followed' | 'skipped'>;

/** Lines for stderr; empty if there is nothing to report. */
export function sourceNotes({ followed, skipped }: Found): string[] {
  const notes: string[] = [];
  if (followed.length > 0) notes.push(`followed ${plural(followed.length, 'link')}`);
  for (const { path, reason } of skipped.slice(0, MOST_NAMED)) {
    notes.push(`left out ${printable(path)}: it is ${printable(reason)}`);
  }
  const more = skipped.length - MOST_NAMED;
  if (more > 0) notes.push(`left out ${more} more: --json names all`);
  return notes;
}

/** The fields for `--json`. */
export function sourceRecord({ followed, skipped }: Found): object {
  return { followed, skipped };
}
