// PURE. Why a torrent may not write to a file: what is there, whose it is, and what to do.

import { MillraceError, advised } from '../../errors/millrace-error';
import type { PathUser } from './path-registry';

/** A torrent, as errors name it. */
export type Named = Pick<PathUser, 'name' | 'infoHash'>;

function named({ name, infoHash }: Named): string {
  return `torrent "${name}" (${infoHash})`;
}

export function inUse(path: string, owner: Named, user: Named, where: string): MillraceError {
  return new MillraceError(
    'output-conflict',
    `${path} is in use by ${named(owner)} in ${where}, and ${named(user)} has a file of that name: ` +
      'use another output folder for one of them, or stop the other',
    { path, infoHash: owner.infoHash },
  );
}

export function ownedBy(
  owner: Named & { path: string; record: string },
  user: Named,
): MillraceError {
  const { path, infoHash, record } = owner;
  return new MillraceError(
    'output-conflict',
    `${path} belongs to ${named(owner)} by its record, and ${named(user)} would overwrite it: ` +
      `use another output folder, or give the other up by removing its data and ${record}`,
    { path, infoHash, record },
  );
}

export function notOurs(path: string, user: Named): MillraceError {
  return advised(
    'file-not-ours',
    `${path} exists, and neither a record nor a good piece shows that it belongs to ${named(user)}: it is not overwritten`,
    'move it away, use another output folder, or allow it by the option adopt',
    { path },
  );
}

export function elsewhere(path: string, others: number, user: Named): MillraceError {
  return advised(
    'link-in-path',
    `${path} has ${others === 1 ? 'another name' : `${others} other names`} on this disk (hard links), and ${named(user)} would change the file under each of them`,
    'put a copy in its place, use another output folder, or allow it by the option followLinks',
    { path },
  );
}

export function twice(path: string, user: Named): MillraceError {
  return new MillraceError(
    'output-conflict',
    `two files of ${named(user)} are one file on this file system, ${path}: use an output folder on another`,
    { path },
  );
}
