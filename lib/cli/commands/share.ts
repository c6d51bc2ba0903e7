// `millrace share`: serves a file or folder to other machines, and prints the command to run there.

import { once } from 'node:events';
import { Option } from 'commander';
import type { Command } from 'commander';
import type { LinkRule, Share, Torrent, TorrentStats } from '../../index';
import { EXIT } from '../context';
import type { Context, RunFlags, Runner } from '../context';
import { recordOf } from './info';
import { nonEmpty, ownPort } from '../options/parsers';
import { limitOptions, limitsOf } from '../options/limits';
import type { LimitFlags } from '../options/limits';
import { jsonOption, linksOption, pieceLengthOption, quietOption } from '../options/shared';
import { contentBytesOf } from '../output/content';
import { hashProgress, liveLine } from '../output/progress-line';
import { shellWord } from '../output/shell';
import { sourceNotes, sourceRecord } from '../output/source-notes';
import { plural } from '../../text/counts';
import { formatBytes, formatRate } from '../../text/quantities';
import { jsonLine, printable } from '../output/text';

const JSON_EVERY_MS = 1000;
const LINE_EVERY_MS = 5000;

export interface ShareFlags extends RunFlags, LimitFlags {
  readonly host?: string;
  readonly port: number;
  readonly peerPort: number;
  readonly pieceLength?: number;
  readonly private?: boolean;
  readonly links?: LinkRule;
}

const HELP = `
Hashes the data, verifies it, starts a tracker and a seed, and prints the line to run on every other machine.
The data is not changed. It goes on until it is interrupted.

Examples:
  millrace share ./dataset
  millrace share model.safetensors --host 10.0.0.5 --port 8000 --peer-port 8001

Exit codes: 1 failed, 2 wrong usage, 129 / 130 / 143 interrupted.`;

export function define(command: Command, run: Runner): void {
  const port = ownPort();
  command
    .argument('<path>', 'the file or folder', nonEmpty)
    .addOption(
      new Option(
        '--host <ADDRESS>',
        "this machine's name or address for the others (default: its first address)",
      ).argParser(nonEmpty),
    )
    .addOption(
      new Option('--port <N>', 'port of the tracker (TCP and UDP), 0-65535; 0 picks free ones')
        .argParser(port)
        .default(0),
    )
    .addOption(
      new Option('--peer-port <N>', 'TCP port of the seed, 0-65535; 0 picks a free one')
        .argParser(port)
        .default(0),
    )
    .addOption(pieceLengthOption())
    .option('--private', 'allow peers from the tracker only (BEP 27)')
    .addOption(linksOption());
  for (const option of limitOptions()) command.addOption(option);
  command
    .addOption(jsonOption())
    .addOption(quietOption())
    .addHelpText('after', HELP)
    .action((path: string, flags: ShareFlags) =>
      run(flags, (context) => shareCommand(path, flags, context)),
    );
}

export async function shareCommand(
  path: string,
  flags: ShareFlags,
  { api, io, signal }: Context,
): Promise<number> {
  const hashing = hashProgress(io, 'hashing', flags);
  const verifying = hashProgress(io, 'verifying', flags);
  const share = await api
    .share(path, {
      host: flags.host,
      port: flags.port,
      engine: { port: flags.peerPort, ...limitsOf(flags) },
      pieceLengthBytes: flags.pieceLength,
      private: flags.private,
      links: flags.links,
      onProgress: (done) => hashing.update(done),
      onVerifyProgress: (done) => verifying.update(done),
      signal,
    })
    .finally(() => {
      hashing.end();
      verifying.end();
    });
  try {
    const command = `millrace download ${shellWord(share.downloadUrl)}`;
    const others = flags.host === undefined ? api.localAddresses().slice(1) : [];
    if (flags.json) io.stdout(jsonLine(sharedRecord(share, command, api.localAddresses())));
    else {
      for (const note of sourceNotes(share)) io.stderr(`millrace: ${note}\n`);
      if (!flags.quiet) io.stderr(`${preface(share, others)}\n`);
      // The only line on stdout, so that a script can use it.
      io.stdout(`${command}\n`);
    }
    await showUntilStopped(share, flags, { io, signal });
  } finally {
    await share.close();
  }
  return EXIT.done;
}

async function showUntilStopped(
  share: Share,
  flags: ShareFlags,
  { io, signal }: Pick<Context, 'io' | 'signal'>,
): Promise<void> {
  const printJson = (): void =>
    io.stdout(jsonLine({ type: 'share-progress', ...figuresOf(share) }));
  const live = liveLine(io, flags, LINE_EVERY_MS, () => shareLine(figuresOf(share)));
  const timer = setInterval(() => {
    if (flags.json && !flags.quiet) printJson();
  }, JSON_EVERY_MS);
  try {
    await untilStopped(share.torrent, signal);
  } finally {
    clearInterval(timer);
    live.end();
    if (flags.json && !flags.quiet) printJson();
  }
}

/** Resolves at the signal; rejects if the seed fails. */
async function untilStopped(torrent: Torrent, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const over = new AbortController();
  const failed = once(torrent, 'error', { signal: over.signal }).then(([error]) => {
    throw error as Error;
  });
  failed.catch(() => undefined); // The rejection may stay unhandled after the signal.
  const closed = once(torrent, 'closed', { signal: over.signal }).then(() => {
    if (!signal.aborted) throw new Error('the engine ended unexpectedly');
  });
  closed.catch(() => undefined);
  try {
    await Promise.race([once(signal, 'abort', { signal: over.signal }), failed, closed]);
  } finally {
    over.abort();
  }
}

/** The present figures of a share. */
export interface ShareFigures {
  /** Peers that are downloading, according to the tracker. */
  readonly leechers: number;
  /** Peers with all data, including us. */
  readonly seeds: number;
  readonly finished: number;
  readonly uploadedBytes: number;
  readonly uploadBytesPerSec: number;
  /**
   * Uploaded bytes divided by the size. The more the other machines get from each other, the further
   * this stays below `finished`.
   */
  readonly copies: number;
}

function figuresOf({ tracker, torrent }: Share): ShareFigures {
  const { peers, seeds, completed } = tracker.stats();
  const { uploadedBytes, uploadBytesPerSec, totalBytes = 0 }: TorrentStats = torrent.stats();
  return {
    leechers: peers - seeds,
    seeds,
    finished: completed,
    uploadedBytes,
    uploadBytesPerSec: Math.round(uploadBytesPerSec),
    copies: totalBytes === 0 ? 0 : Math.round((uploadedBytes / totalBytes) * 100) / 100,
  };
}

export function shareLine(figures: ShareFigures): string {
  const { leechers, finished, uploadedBytes, uploadBytesPerSec, copies } = figures;
  return (
    `${plural(leechers, 'leecher')}, ${finished} finished; ${formatBytes(uploadedBytes)} uploaded ` +
    `(${copies.toFixed(2)} copies), ${formatRate(uploadBytesPerSec)}`
  );
}

function preface({ metainfo }: Share, others: readonly string[]): string {
  const { name, files } = metainfo;
  const what = `${name}: ${formatBytes(contentBytesOf(metainfo))} in ${plural(files.length, 'file')}`;
  const lines = [`sharing ${what}`];
  if (others.length > 0) {
    lines.push(`this machine is also ${others.join(', ')}: --host says which the others reach`);
  }
  lines.push('run this on every other machine:');
  return lines.map(printable).join('\n');
}

function sharedRecord(share: Share, command: string, addresses: readonly string[]): object {
  const { downloadUrl, metainfo, peerPort } = share;
  return {
    type: 'shared',
    command,
    url: downloadUrl,
    addresses,
    peerPort: peerPort ?? null,
    ...recordOf(metainfo),
    ...sourceRecord(share),
  };
}
