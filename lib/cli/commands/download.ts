// `millrace download`: downloads a torrent, verified and on disk, and seeds it if requested.

import { resolve } from 'node:path';
import { Option } from 'commander';
import type { Command } from 'commander';
import { KIB, MIB } from '../../bytes/lengths';
import type { MagnetLink, Metainfo, Torrent } from '../../index';
import { EXIT } from '../context';
import type { Context, Runner } from '../context';
import { nonEmpty, torrentOrMagnet } from '../options/parsers';
import { engineOptions, ratioOption, timeOption } from '../options/shared';
import type { EngineFlags } from '../options/shared';
import { size, time } from '../options/quantities';
import type { Summary } from '../transfer/report';
import { checkSavedTorrent, writeTorrent } from '../transfer/save-torrent';
import { withTorrent } from '../transfer/session';
import { traceOptions } from '../transfer/trace';
import { untilComplete, untilSeeded } from '../transfer/wait';

export interface DownloadFlags extends EngineFlags {
  readonly output: string;
  readonly seed?: boolean;
  readonly stallTimeout?: number;
  readonly force?: boolean;
  readonly adopt?: boolean;
  readonly followLinks?: boolean;
  readonly saveTorrent?: string;
  /** Bytes. */
  readonly maxMetadata?: number;
}

const WEEK_SEC = 7 * 86_400;

const HELP = `
A second run of the same command goes on where the first stopped.

Examples:
  millrace download debian.iso.torrent
  millrace download https://example.org/dataset.torrent --output /srv/data --seed-ratio 2
  millrace download 'magnet:?xt=urn:btih:c12fe1c06bba254a9dc9f519b335aa7c1367a88a' --save-torrent x.torrent
  millrace download x.torrent --peer 192.0.2.7:6881 --peer '[2001:db8::7]:6881'
  millrace download x.torrent --json --stall-timeout 60 > events.jsonl

Exit codes: 0 every byte verified and on disk, 1 failed, 2 wrong usage, 129 / 130 / 143 interrupted.`;

export function define(command: Command, run: Runner): void {
  command
    .argument(
      '<torrent>',
      'path or http(s) URL of a .torrent file, or a magnet link',
      torrentOrMagnet,
    )
    .addOption(
      new Option('-o, --output <DIR>', "folder for the torrent's file or folder")
        .argParser(nonEmpty)
        .default('.', 'the working folder'),
    )
    .addOption(
      new Option('--seed', 'go on uploading until interrupted').conflicts([
        'seedRatio',
        'seedTime',
      ]),
    )
    .addOption(ratioOption())
    .addOption(timeOption())
    .addOption(
      new Option(
        '--stall-timeout <TIME>',
        'fail after this long without a byte: 60s, 5min',
      ).argParser(
        time({ lowSec: 0, highSec: WEEK_SEC, plain: 's', example: '60 or 5min', aboveLow: true }),
      ),
    )
    .addOption(
      new Option(
        '--save-torrent <FILE>',
        'write the .torrent to FILE, for a magnet link once its metadata is known',
      ).argParser(nonEmpty),
    )
    .addOption(
      new Option(
        '--max-metadata <SIZE>',
        'for a magnet link: longest metadata to fetch, 16K-64M (default: 32M)',
      ).argParser(
        size({ lowBytes: 16 * KIB, highBytes: 64 * MIB, plain: 'MiB', example: '512K or 64M' }),
      ),
    )
    .option('--force', 'cut existing files that are longer than the torrent says')
    .option('--adopt', 'write to existing files of the same names, whatever they hold')
    .option('--follow-links', 'write through links inside the output folder');
  for (const option of [...engineOptions(), ...traceOptions()]) command.addOption(option);
  command
    .addHelpText('after', HELP)
    .action((source: string, flags: DownloadFlags) =>
      run(flags, (context) => download(source, flags, context)),
    );
}

export async function download(
  source: string,
  flags: DownloadFlags,
  context: Context,
): Promise<number> {
  const seeding =
    flags.seed === true || flags.seedRatio !== undefined || flags.seedTime !== undefined;
  const { output, peer, force, adopt, followLinks, recheck, announceToAll, saveTorrent } = flags;
  const add = {
    output,
    peers: peer ?? [],
    force,
    adopt,
    followLinks,
    recheck,
    maxMetadataBytes: flags.maxMetadata,
    seed: seeding,
    announceToAll,
  };
  const inspect = async ({ infoHash }: Metainfo | MagnetLink): Promise<void> => {
    if (saveTorrent !== undefined) await checkSavedTorrent(saveTorrent, infoHash, context);
  };
  await withTorrent(context, { source, flags, add, inspect }, async (torrent, reporter) => {
    const unsaved = new AbortController();
    const signal = AbortSignal.any([context.signal, unsaved.signal]);
    const save = async (file: string): Promise<void> => {
      await writeTorrent(file, torrent, context.api);
      reporter.saved(resolve(file));
    };
    const saving =
      saveTorrent === undefined
        ? undefined
        : save(saveTorrent).catch((error: unknown) => unsaved.abort(error));
    await untilComplete(torrent, { api: context.api, signal }, flags.stallTimeout);
    await saving;
    unsaved.signal.throwIfAborted();
    reporter.progress(torrent.stats());
    reporter.complete(summaryOf(torrent, context.startedMs));
    if (!seeding) return;
    const limits = { ratio: flags.seedRatio, seconds: flags.seedTime };
    await untilSeeded(torrent, context.signal, limits);
    reporter.progress(torrent.stats());
  });
  return EXIT.done;
}

export function summaryOf(torrent: Torrent, startedMs: number): Summary {
  const { totalBytes = 0, downloadedBytes, wastedBytes, account } = torrent.stats();
  const elapsedSec = Math.round(performance.now() - startedMs) / 1000;
  return { name: torrent.name, totalBytes, downloadedBytes, wastedBytes, elapsedSec, account };
}
