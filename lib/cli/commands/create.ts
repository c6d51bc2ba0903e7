// `millrace create`: hashes a file or folder on all cores and writes its .torrent.

import { realpath, stat } from 'node:fs/promises';
import { basename, relative, resolve, sep } from 'node:path';
import { Option } from 'commander';
import type { Command } from 'commander';
import type { LinkRule } from '../../index';
import { EXIT } from '../context';
import type { Api, Context, Runner } from '../context';
import { factLines, recordOf, withTrackers } from './info';
import { nonEmpty, trackerList } from '../options/parsers';
import {
  jsonOption,
  linksOption,
  pieceLengthOption,
  quietOption,
  secretsOption,
  threadsOption,
} from '../options/shared';
import { hashProgress } from '../output/progress-line';
import { shownUrl } from '../output/secrets';
import { sourceNotes, sourceRecord } from '../output/source-notes';
import { jsonLine, printable } from '../output/text';
import { fileExists, writeWhole } from '../output/write-file';

export interface CreateFlags {
  readonly output?: string;
  readonly tracker?: readonly string[];
  readonly pieceLength?: number;
  readonly private?: boolean;
  readonly comment?: string;
  readonly links?: LinkRule;
  readonly verifyThreads?: number;
  readonly force?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly showSecrets?: boolean;
}

const HELP = `
Examples:
  millrace create ./photos --tracker http://tracker.example/announce
  millrace create big.iso -o big.torrent --piece-length 4M --comment 'nightly build'

Several --tracker options are tiers: the second is asked when the first does not answer (BEP 12).`;

export function define(command: Command, run: Runner): void {
  command
    .argument('<path>', 'the file or folder', nonEmpty)
    .addOption(
      new Option(
        '-o, --output <FILE>',
        'the .torrent to write (default: NAME.torrent in the working folder)',
      ).argParser(nonEmpty),
    )
    .addOption(
      new Option('--tracker <URL>', 'announce URL of a tracker; repeatable').argParser(trackerList),
    )
    .addOption(pieceLengthOption())
    .option('--private', 'allow peers from the trackers only (BEP 27)')
    .option('--comment <TEXT>', 'a comment for people')
    .addOption(linksOption())
    .addOption(threadsOption())
    .option('--force', 'replace FILE if it exists')
    .addOption(jsonOption())
    .addOption(quietOption())
    .addOption(secretsOption())
    .addHelpText('after', HELP)
    .action((path: string, flags: CreateFlags) =>
      run(flags, (context) => create(path, flags, context)),
    );
}

export async function create(path: string, flags: CreateFlags, context: Context): Promise<number> {
  const { api, io, signal } = context;
  const output = flags.output ?? defaultOutput(path, api);
  await checkOutput(path, output, flags, api);
  const progress = hashProgress(io, 'hashing', flags);
  const made = await api
    .createTorrent(path, {
      trackers: flags.tracker?.map((url) => [url]),
      pieceLengthBytes: flags.pieceLength,
      private: flags.private,
      comment: flags.comment,
      links: flags.links,
      threads: flags.verifyThreads,
      onProgress: (done) => progress.update(done),
      signal,
    })
    .finally(() => progress.end());
  await writeWhole(output, made.bytes, flags.force ? undefined : existsError(output, api));
  const metainfo = withTrackers(made.metainfo, shownUrl(flags, api));
  if (flags.json) {
    const head = { type: 'created', output: resolve(output) };
    io.stdout(jsonLine({ ...head, ...recordOf(metainfo), ...sourceRecord(made) }));
    return EXIT.done;
  }
  // Also with --quiet: users should know that some of their files are left out.
  for (const note of sourceNotes(made)) io.stderr(`millrace: ${note}\n`);
  if (!flags.quiet) {
    io.stdout([...factLines(metainfo)].join(''));
    io.stdout(`${'written to'.padEnd(12)}${printable(output)}
`);
  }
  return EXIT.done;
}

/** The default file name, in the working folder. */
function defaultOutput(path: string, api: Api): string {
  const name = basename(resolve(path));
  if (name !== '') return `${name}.torrent`;
  throw new api.MillraceError('bad-option', `${path} has no name: say with --output what to write`);
}

function existsError(output: string, api: Api): Error {
  return new api.MillraceError(
    'output-exists',
    `${output} exists already: --force replaces it, --output names another file`,
  );
}

/** Checks the output before hours of hashing, not after. */
async function checkOutput(
  path: string,
  output: string,
  { force }: CreateFlags,
  api: Api,
): Promise<void> {
  await stat(path); // Throws if it does not exist.
  if (!(await fileExists(output, api))) return;
  if (!force) throw existsError(output, api);
  const inside = relative(await realpath(path), await realpath(output));
  if (inside !== '..' && !inside.startsWith(`..${sep}`)) {
    throw new api.MillraceError(
      'output-exists',
      `${output} belongs to ${path} and would be part of the torrent that replaces it: name another file`,
    );
  }
}
