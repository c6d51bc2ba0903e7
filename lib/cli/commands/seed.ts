// `millrace seed`: serves existing data. Incomplete data is not served: `seed` never writes, and a
// wrong folder must not start a download.

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { MagnetLink, Metainfo } from '../../index';
import { EXIT } from '../context';
import type { Api, Context, Runner } from '../context';
import { dataRule, requireDataFolder } from '../transfer/data-folder';
import { torrentSource } from '../options/parsers';
import { dataOption, engineOptions, ratioOption, timeOption } from '../options/shared';
import type { EngineFlags } from '../options/shared';
import { withTorrent } from '../transfer/session';
import { isLink } from '../transfer/source';
import { traceOptions } from '../transfer/trace';
import { untilSeeded, untilTrue } from '../transfer/wait';

export interface SeedFlags extends EngineFlags {
  readonly data: string;
  readonly superSeed?: boolean;
}

const HELP = `
The data is hashed first, unless the record of an earlier run vouches for it. If any of it is
missing or wrong, nothing is served: \`millrace download\` into the same folder repairs it.

Examples:
  millrace seed photos.torrent --data .
  millrace seed photos.torrent --data /srv/data --port 6881 --seed-time 90

Exit codes: 0 the limit was reached, 1 failed or not whole, 2 wrong usage, 129 / 130 / 143 interrupted.`;

export function define(command: Command, run: Runner): void {
  command
    .argument('<torrent>', 'path or http(s) URL of a .torrent file', torrentSource)
    .addOption(dataOption())
    .addOption(ratioOption())
    .addOption(timeOption())
    .option(
      '--super-seed',
      'show each peer a few pieces at a time, until the others have two copies',
    );
  for (const option of [...engineOptions(), ...traceOptions()]) command.addOption(option);
  command
    .addHelpText('after', HELP)
    .action((source: string, flags: SeedFlags) =>
      run(flags, (context) => seed(source, flags, context)),
    );
}

export async function seed(source: string, flags: SeedFlags, context: Context): Promise<number> {
  const { api, signal } = context;
  const inspect = async (found: Metainfo | MagnetLink): Promise<void> => {
    if (!isLink(found)) await requireFiles(found, flags.data, api);
  };
  const add = {
    output: flags.data,
    peers: flags.peer ?? [],
    recheck: flags.recheck,
    announceToAll: flags.announceToAll,
    download: false,
    seed: true,
    superSeed: flags.superSeed,
  };
  await withTorrent(context, { source, flags, add, inspect }, async (torrent, reporter) => {
    await untilTrue(torrent, signal, ({ phase }) => phase === 'seeding');
    reporter.progress(torrent.stats());
    await untilSeeded(torrent, signal, { ratio: flags.seedRatio, seconds: flags.seedTime });
    reporter.progress(torrent.stats());
  });
  return EXIT.done;
}

/** Every file must exist in full length: this detects a wrong folder before hashing. */
async function requireFiles(metainfo: Metainfo, data: string, api: Api): Promise<void> {
  await requireDataFolder(data, metainfo, api);
  for (const file of (await api.namesOnDisk(metainfo, data)).files) {
    if (file.lengthBytes === 0) continue;
    const path = join(data, ...file.path);
    const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
      throw error;
    });
    if (!found?.isFile()) {
      throw new api.MillraceError('not-whole', `${path} is not there: ${dataRule(metainfo)}`);
    }
    if (found.size !== file.lengthBytes) {
      throw new api.MillraceError(
        'not-whole',
        `${path} has ${found.size} bytes, the torrent says ${file.lengthBytes}: \`millrace download\` into the same folder repairs it`,
      );
    }
  }
}
