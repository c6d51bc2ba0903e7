// Loads the module of a storage back end, in the thread that needs it.
import { createRequire } from 'node:module';
import * as path from 'node:path';
import { MillraceError } from '../errors/millrace-error';
import * as files from './files';
import * as memory from './memory';
import { requireRegular } from './open-regular';
import type { StorageModule } from './storage';

const BUILT_IN: Readonly<Record<string, StorageModule>> = { files, memory };

const loaded = new Map<string, StorageModule>();

/**
 * The module of a `StorageRef.module`: `files`, `memory`, a path, or a package. Paths and packages
 * are resolved relative to the working folder. Throws `bad-storage` if it cannot be loaded or lacks
 * the exports of `StorageModule`.
 */
export function loadStorageModule(name: string): StorageModule {
  const known = Object.hasOwn(BUILT_IN, name) ? BUILT_IN[name] : loaded.get(name);
  if (known !== undefined) return known;
  let exported: unknown;
  try {
    const load = createRequire(path.join(process.cwd(), 'storage'));
    const file = load.resolve(name);
    if (path.isAbsolute(file)) requireRegular(file); // Modules of Node have no file.
    exported = load(file);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new MillraceError('bad-storage', `storage module ${name} cannot be loaded: ${why}`);
  }
  // An ES module may export its functions through its default export.
  const module = asStorageModule(exported) ?? asStorageModule(defaultOf(exported));
  if (module === undefined) {
    throw new MillraceError(
      'bad-storage',
      `storage module ${name} must export the functions openWriter and openReader, and may export openState`,
    );
  }
  loaded.set(name, module);
  return module;
}

function asStorageModule(value: unknown): StorageModule | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const candidate = value as Partial<StorageModule>;
  const whole =
    typeof candidate.openWriter === 'function' &&
    typeof candidate.openReader === 'function' &&
    ['undefined', 'function'].includes(typeof candidate.openState);
  return whole ? (candidate as StorageModule) : undefined;
}

function defaultOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null
    ? (value as { readonly default?: unknown }).default
    : undefined;
}
