// Opens the state of a storage back end. Separate from the module loader, so that only the
// coordinator's thread loads the code of records.
import { fromHex } from '../bytes/hex';
import type { StorageRef } from '../messages/storage';
import { FilesState } from './files-state';
import { loadStorageModule } from './module-loader';
import { openGuarded } from './state-guard';
import type { StorageModule, StorageState } from './storage';

/**
 * Undefined if the back end keeps no state, and if it cannot be loaded, which the workers report.
 * Throws what `GuardedState` throws for a failing back end.
 */
export async function openState(
  ref: StorageRef,
  infoHash: string,
): Promise<StorageState | undefined> {
  if (ref.module === 'files') return new FilesState(ref.root, fromHex(infoHash));
  let module: StorageModule;
  try {
    module = loadStorageModule(ref.module);
  } catch {
    return undefined;
  }
  if (module.openState === undefined) return undefined;
  // Called as a method of its module, which may be an object.
  return openGuarded(ref.module, () => module.openState?.(ref, infoHash));
}
