// Removes temporary files of killed processes from a state folder.
import * as fs from 'node:fs';
import * as path from 'node:path';
import { removeTakeOverGuards } from './lock';
import { isAlive } from './lock-owner';
import { makerOf } from './state-folder';

/**
 * Removes temporary files whose process is certainly gone, and guards that protect nothing.
 * `names`: the entries of the folder. Files that cannot be removed stay, and do no harm.
 */
export function removeLitter(folder: string, names: readonly string[]): void {
  try {
    for (const name of names) {
      const pid = makerOf(name);
      if (pid === undefined || isAlive({ pid, token: '' })) continue;
      fs.rmSync(path.join(folder, name), { force: true });
    }
    removeTakeOverGuards(folder, names);
  } catch {
    // It belongs to another user.
  }
}
