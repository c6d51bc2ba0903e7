// Removes temporary files that killed processes have left in a state folder.
import * as fs from 'node:fs';
import * as path from 'node:path';
import { removeTakeOverGuards } from './lock';
import { isAlive } from './lock-owner';
import { makerOf } from './state-folder';

/**
 * Removes temporary files whose process is certainly gone, and guards that guard nothing. `names`: what
 * is in the folder. What cannot be removed stays, and does no harm.
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
    // not ours to remove
  }
}
