// The folder of `--data`, which must exist before anything is hashed or served.

import { stat } from 'node:fs/promises';
import type { Metainfo } from '../../index';
import type { Api } from '../context';

/** What `--data` must be for this torrent. */
export function dataRule({ name, multiFile }: Metainfo): string {
  return `--data must name the folder that holds the ${multiFile ? 'folder' : 'file'} "${name}"`;
}

/** Throws `data-missing` if `data` is not a folder. */
export async function requireDataFolder(data: string, metainfo: Metainfo, api: Api): Promise<void> {
  const fail = (what: string): never => {
    throw new api.MillraceError('data-missing', `${data} ${what}: ${dataRule(metainfo)}`);
  };
  const found = await stat(data).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return fail('is not there');
    throw error;
  });
  if (!found.isDirectory()) fail('is not a folder');
}
