// From the name of a storage back end to what it remembers of a torrent. Apart from the module loader, so
// that only the coordinator's thread loads what records are made of.
import { fromHex } from '../bytes/hex';
import type { StorageRef } from '../messages/storage';
import { FilesState } from './files-state';
import { loadStorageModule } from './module-loader';
import { openGuarded } from './state-guard';
import type { StorageModule, StorageState } from './storage';

/**
 * Undefined where the back end remembers nothing; also where it cannot be loaded, which the workers report.
 * Raises what `GuardedState` makes of a back end that fails.
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
  // As a method of its module, which may be an object with others.
  return openGuarded(ref.module, () => module.openState?.(ref, infoHash));
}
