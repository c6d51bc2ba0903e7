// `millrace verify`: compares data with a .torrent, and lists what is missing or wrong.

import type { Command } from 'commander';
import type { Metainfo } from '../../index';
import { EXIT } from '../context';
import type { Api, Context, Runner } from '../context';
import { dataRule, requireDataFolder } from '../transfer/data-folder';
import { toHex } from '../../bytes/hex';
import { torrentSource } from '../options/parsers';
import { dataOption, jsonOption, quietOption, threadsOption } from '../options/shared';
import { hashProgress } from '../output/progress-line';
import { formatRanges, plural, rangesOf } from '../../text/counts';
import { jsonLine, printable } from '../output/text';

export interface VerifyFlags {
  readonly data: string;
  readonly verifyThreads?: number;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

type Result = Awaited<ReturnType<Api['verifyTorrent']>>;

const HELP = `
Examples:
  millrace verify photos.torrent --data .
  millrace verify photos.torrent --data /srv/data --json

Exit codes: 0 whole, 1 not whole or failed, 2 wrong usage.`;

export function define(command: Command, run: Runner): void {
  command
    .argument('<torrent>', 'path or http(s) URL of a .torrent file', torrentSource)
    .addOption(dataOption())
    .addOption(threadsOption())
    .addOption(jsonOption())
    .addOption(quietOption())
    .addHelpText('after', HELP)
    .action((source: string, flags: VerifyFlags) =>
      run(flags, (context) => verify(source, flags, context)),
    );
}

export async function verify(
  source: string,
  flags: VerifyFlags,
  { api, io, signal }: Context,
): Promise<number> {
  const metainfo = await api.readTorrent(source, { signal });
  await requireDataFolder(flags.data, metainfo, api);
  const progress = hashProgress(io, 'verifying', flags);
  const result = await api
    .verifyTorrent(metainfo, {
      data: flags.data,
      threads: flags.verifyThreads,
      onProgress: (done) => progress.update(done),
      signal,
    })
    .finally(() => progress.end());
  if (flags.json) {
    const { infoHash, name, pieceCount } = metainfo;
    const { whole, goodPieces, badPieces, files } = result;
    const head = { type: 'verify', infoHash: toHex(infoHash), name, pieceCount };
    io.stdout(jsonLine({ ...head, whole, goodPieces, badPieces, files }));
  } else if (!flags.quiet || !result.whole) {
    io.stdout(verdict(metainfo, result, flags.data));
  }
  return result.whole ? EXIT.done : EXIT.failed;
}

/** Most ranges of bad pieces that are listed: two lines of a terminal. */
const MAX_RANGES = 20;

/** The result as text: the verdict, the bad pieces, and the files that contain them. */
export function verdict(metainfo: Metainfo, result: Result, data: string): string {
  const { name, pieceCount } = metainfo;
  const { whole, badPieces, files } = result;
  if (whole) return `${printable(name)}: whole, ${plural(pieceCount, 'piece')} verified\n`;
  const lines = [`${printable(name)}: not whole`];
  if (badPieces.length > 0) {
    const count = `${badPieces.length} of ${plural(pieceCount, 'piece')}`;
    lines.push(`missing or wrong: ${count}: ${formatRanges(rangesOf(badPieces), MAX_RANGES)}`);
  }
  for (const file of files) {
    const what = faultOf(file);
    if (what !== undefined) lines.push(`  ${printable(file.path)}: ${what}`);
  }
  if (files.every(({ missing }) => missing)) {
    lines.push(printable(`nothing of it is in ${data}: ${dataRule(metainfo)}`));
  }
  return `${lines.join('\n')}\n`;
}

/** What is wrong with a file; undefined if nothing. */
function faultOf(file: Result['files'][number]): string | undefined {
  if (file.missing) return 'missing';
  const faults: string[] = [];
  if (file.badPieces > 0) faults.push(plural(file.badPieces, 'bad piece'));
  if (file.actualLengthBytes !== undefined) {
    faults.push(`has ${file.actualLengthBytes} bytes, the torrent says ${file.lengthBytes}`);
  }
  return faults.length === 0 ? undefined : faults.join('; ');
}
