// `millrace demo`: a tracker, a seed and a download on this machine's loopback, with real files and
// the real engine; then a comparison of every byte.

import { randomFillSync } from 'node:crypto';
import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Option } from 'commander';
import type { Command } from 'commander';
import { MIB } from '../../bytes/lengths';
import type { Torrent } from '../../index';
import { EXIT } from '../context';
import type { Context, RunFlags, Runner } from '../context';
import { summaryOf } from './download';
import { quietOption } from '../options/shared';
import { hashProgress } from '../output/progress-line';
import { size } from '../options/quantities';
import { report } from '../transfer/report';
import { reporterFor } from '../transfer/session';
import { plural } from '../../text/counts';
import { formatBytes } from '../../text/quantities';
import { untilComplete, untilTrue } from '../transfer/wait';

/** A transfer of a second or two; with the download, 512 MiB of the temporary folder. */
const DEFAULT_SIZE = 256 * MIB;
/** Loopback works at once or not at all. */
const STALL_TIMEOUT_SEC = 30;
const HOST = '127.0.0.1';
const NAME = 'millrace-demo';

interface DemoFlags extends RunFlags {
  /** Bytes. */
  readonly size: number;
}

const HELP = `
Everything happens in a temporary folder, which is removed at the end.

Examples:
  millrace demo
  millrace demo --size 1G`;

export function define(command: Command, run: Runner): void {
  command
    .addOption(
      new Option('--size <SIZE>', 'how much data to move, 1M-64G')
        .argParser(
          size({ lowBytes: MIB, highBytes: 65_536 * MIB, plain: 'MiB', example: '100M or 1G' }),
        )
        .default(DEFAULT_SIZE, '256M'),
    )
    .addOption(quietOption())
    .addHelpText('after', HELP)
    .action((flags: DemoFlags) => run(flags, (context) => demo(flags, context)));
}

/** The files of the demo: one large, small ones of odd sizes, an empty one. */
export function demoFiles(totalBytes: number): readonly { path: string; lengthBytes: number }[] {
  const small = [
    { path: 'notes/one-byte', lengthBytes: 1 },
    { path: 'notes/odd-size', lengthBytes: 33_119 },
    { path: 'notes/empty', lengthBytes: 0 },
  ];
  const rest = small.reduce((left, file) => left - file.lengthBytes, totalBytes);
  return [{ path: 'big-file', lengthBytes: rest }, ...small];
}

export async function demo(flags: DemoFlags, context: Context): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), `${NAME}-`));
  try {
    await run(folder, flags, context);
    return EXIT.done;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function run(folder: string, flags: DemoFlags, context: Context): Promise<void> {
  const { api, io, signal } = context;
  const print = (line: string): void => io.stdout(`${line}\n`);
  const source = join(folder, 'seed', NAME);
  const files = demoFiles(flags.size);

  await writeRandomFiles(source, files, signal);
  print(
    `1. Wrote ${plural(files.length, 'file')} of random bytes, ${formatBytes(flags.size)} in all.`,
  );

  const open: (() => Promise<void>)[] = [];
  try {
    const tracker = await api.startTracker({ host: HOST, port: 0, intervalSec: 5 });
    open.push(() => tracker.close());
    const progress = hashProgress(io, 'hashing', flags);
    const { bytes, metainfo } = await api
      .createTorrent(source, {
        trackers: [[tracker.url]],
        onProgress: (done) => progress.update(done),
        signal,
      })
      .finally(() => progress.end());
    await writeFile(join(folder, `${NAME}.torrent`), bytes);
    const pieces = plural(metainfo.pieceCount, 'piece');
    print(`2. Made a torrent of them: ${pieces} of ${formatBytes(metainfo.pieceLengthBytes)}.`);
    print(`3. Started a tracker at ${tracker.url}`);

    const seeder = await api.Coordinator.start({ host: HOST, signal });
    open.push(() => seeder.close());
    const seed = await seeder.add(bytes, { output: join(folder, 'seed') });
    await untilAnnounced(seed, signal);
    print(`4. Started a seed on port ${seeder.port}; the tracker knows it.`);

    const startedMs = performance.now();
    const leecher = await api.Coordinator.start({ host: HOST, signal });
    open.push(() => leecher.close());
    const output = join(folder, 'download');
    const torrent = await leecher.add(bytes, { output, seed: false });
    const reporter = reporterFor(flags, context, false);
    const stopReporting = report(torrent, reporter, { folder: output, port: leecher.port });
    try {
      await untilComplete(torrent, context, STALL_TIMEOUT_SEC);
    } finally {
      reporter.progress(torrent.stats());
      stopReporting();
    }
    const { elapsedSec, downloadedBytes } = summaryOf(torrent, startedMs);
    const rate = downloadedBytes / MIB / Math.max(elapsedSec, 0.001);
    print(
      `5. Downloaded ${formatBytes(downloadedBytes)} in ${elapsedSec.toFixed(1)} s ` +
        `(${rate.toFixed(0)} MiB/s, threads started and every piece verified in that time).`,
    );
    await compareFiles(source, join(output, NAME), files, context);
    print('6. Compared the download with the source: every byte is the same.');
  } finally {
    for (const close of open.reverse()) await close();
  }
  print('7. Closed everything; the temporary folder is removed.');
}

async function writeRandomFiles(
  folder: string,
  files: ReturnType<typeof demoFiles>,
  signal: AbortSignal,
): Promise<void> {
  const chunk = Buffer.allocUnsafe(4 * MIB);
  for (const { path, lengthBytes } of files) {
    const target = join(folder, path);
    await mkdir(dirname(target), { recursive: true });
    const file = await open(target, 'wx');
    try {
      for (let at = 0; at < lengthBytes; at += chunk.length) {
        signal.throwIfAborted();
        randomFillSync(chunk);
        await file.write(chunk, 0, Math.min(chunk.length, lengthBytes - at));
      }
    } finally {
      await file.close();
    }
  }
}

/**
 * Resolves when the seed has checked its data and the tracker knows it, so that the download finds
 * it.
 */
async function untilAnnounced(seed: Torrent, signal: AbortSignal): Promise<void> {
  let announced = false;
  seed.on('tracker', ({ ok }) => (announced ||= ok));
  await untilTrue(seed, signal, ({ phase }) => announced && phase === 'seeding');
}

async function compareFiles(
  source: string,
  copy: string,
  files: ReturnType<typeof demoFiles>,
  { api, signal }: Context,
): Promise<void> {
  for (const { path, lengthBytes } of files) {
    signal.throwIfAborted();
    const same = await isSame(join(source, path), join(copy, path), lengthBytes);
    if (!same) throw new api.MillraceError('unexpected', `${path} differs from its source`);
  }
}

async function isSame(source: string, copy: string, lengthBytes: number): Promise<boolean> {
  const a = await open(source, 'r');
  const b = await open(copy, 'r').catch(async (error: unknown) => {
    await a.close();
    throw error;
  });
  try {
    if ((await b.stat()).size !== lengthBytes) return false;
    const ours = Buffer.allocUnsafe(MIB);
    const theirs = Buffer.allocUnsafe(MIB);
    for (let at = 0; at < lengthBytes; at += MIB) {
      const length = Math.min(MIB, lengthBytes - at);
      await Promise.all([a.read(ours, 0, length, at), b.read(theirs, 0, length, at)]);
      if (ours.compare(theirs, 0, length, 0, length) !== 0) return false;
    }
    return true;
  } finally {
    await Promise.all([a.close(), b.close()]);
  }
}
