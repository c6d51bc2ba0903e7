// One engine with one torrent for the duration of a command: started in parallel with reading the
// torrent, and closed in every case, so that records are saved and trackers get `stopped`.

import { resolve } from 'node:path';
import type {
  AddOptions,
  Coordinator,
  CoordinatorOptions,
  MagnetLink,
  Metainfo,
  Torrent,
} from '../../index';
import type { Context, Io } from '../context';
import { watchEncryption } from './encrypted-peers';
import type { EncryptedOnly } from './encrypted-peers';
import { ignoredTrackersLine } from '../output/lines';
import { linkNotes } from '../output/magnet';
import { stderrLogger } from './log';
import { limitsOf } from '../options/limits';
import { networkOf } from '../options/network';
import type { EngineFlags } from '../options/shared';
import { noPeerSource, onceItWaits } from './peer-sources';
import { report } from './report';
import { isLink, readSource } from './source';
import { shownUrl } from '../output/secrets';
import type { Reporter } from './report';
import { jsonReporter } from '../output/report-json';
import { textReporter } from '../output/report-text';
import { printable } from '../output/text';
import { isTracedToStdout, traceNotice, traceOf } from './trace';

export function coordinatorOptions(flags: EngineFlags, io: Io): CoordinatorOptions {
  return {
    peerThreads: flags.peerThreads,
    verifyThreads: flags.verifyThreads,
    memoryBytes: flags.memory,
    port: flags.port,
    connectionsPerAddress: flags.connectionsPerAddress,
    multiplePerAddress: flags.multiplePerAddress,
    uploadSlots: flags.uploadSlots,
    seedChoking: flags.seedChoking,
    ...limitsOf(flags),
    ...networkOf(flags),
    logger: stderrLogger(flags.logLevel, io),
  };
}

export function reporterFor(flags: EngineFlags, { io, api }: Context, staysOn: boolean): Reporter {
  const quiet = flags.quiet ?? false;
  const showUrl = shownUrl(flags, api);
  if (flags.json) return jsonReporter(io, quiet, showUrl);
  const { peer: peers = [], showSecrets = false } = flags;
  // A bar would overwrite lines of the trace.
  const bar = io.terminal && !isTracedToStdout(flags);
  return textReporter(io, { quiet, bar, staysOn, peers, showSecrets, reasons: api.CLOSE_REASONS });
}

/** Options of `withTorrent`. */
export interface SessionOptions {
  readonly source: string;
  readonly flags: EngineFlags;
  readonly add: AddOptions & { readonly output: string; readonly seed: boolean };
  /** Called with the torrent or the link before it is added; a rejection ends the command. */
  readonly inspect?: (source: Metainfo | MagnetLink) => Promise<void>;
}

/** Starts an engine, adds the torrent, runs `work`, and closes the engine in any case. */
export async function withTorrent(
  context: Context,
  options: SessionOptions,
  work: (torrent: Torrent, reporter: Reporter) => Promise<void>,
): Promise<void> {
  const { coordinator, source } = await startAndRead(context, options);
  try {
    context.signal.throwIfAborted();
    const torrent = await coordinator.add(source, options.add);
    const reporter = reporterFor(options.flags, context, options.add.seed);
    for (const note of notesOn(source, shownUrl(options.flags, context.api)))
      context.io.stderr(`millrace: ${note}\n`);
    for (const line of malformedLines(coordinator)) context.io.stderr(`millrace: ${line}\n`);
    const encryption = watchEncryption(torrent, coordinator);
    coordinator.on('peerRejected', (event) => reporter.peerRejected(event));
    const place = { folder: resolve(options.add.output), port: coordinator.port };
    const stopReporting = report(torrent, reporter, place, isLink(source) ? source : undefined);
    const alone = noPeerSource(source, options.add, coordinator.port);
    const stopLooking =
      alone && onceItWaits(torrent, options.add.seed, () => reporter.alone(alone));
    try {
      await work(torrent, reporter);
    } catch (error) {
      reporter.progress(torrent.stats()); // The last progress.
      // The torrent stops by itself: after its removal all peers have ended, and their events have
      // arrived.
      if (torrent.stats().phase === 'failed') await torrent.remove().catch(() => undefined);
      throw error;
    } finally {
      await reportEnds(coordinator, reporter, encryption.found());
      encryption.stop();
      stopLooking?.();
      stopReporting();
    }
  } finally {
    await coordinator.close();
    const notice = traceNotice(coordinator.trace);
    if (notice !== undefined) context.io.stderr(`millrace: ${printable(notice)}\n`);
  }
}

/** What is not used of the source, one sentence each. */
function notesOn(source: Metainfo | MagnetLink, showUrl: (url: string) => string): string[] {
  if (isLink(source)) return linkNotes(source, showUrl);
  const warning = ignoredTrackersLine(source, showUrl);
  return warning === undefined ? [] : [warning];
}

function malformedLines({ ipFilter }: Coordinator): readonly string[] {
  const files = (ipFilter?.files ?? []).filter(({ malformedLines: count }) => count > 0);
  return files.map(({ path, malformedLines: count, firstMalformedLine: first }) => {
    const lines =
      count === 1 ? `line ${first} is` : `${count} lines, the first is line ${first}, are`;
    return printable(`IP filter ${path}: ${lines} malformed and ignored`);
  });
}

/** Prints nothing if the engine is dead. */
async function reportEnds(
  coordinator: Coordinator,
  reporter: Reporter,
  encrypted: EncryptedOnly,
): Promise<void> {
  const stats = await coordinator.stats().catch(() => undefined);
  if (stats === undefined) return;
  reporter.peerEnds({
    closed: stats.peersClosed,
    rejected: stats.peersRejected,
    addressesRefused: stats.ipFilter?.addressesRefused ?? 0,
    encrypted,
  });
}

/** Threads start while the torrent is read: the first failure ends the other, and is reported. */
async function startAndRead(
  { api, io, signal, threads }: Context,
  { source: named, flags, inspect }: SessionOptions,
): Promise<{ coordinator: Coordinator; source: Metainfo | MagnetLink }> {
  const engine = { ...coordinatorOptions(flags, io), trace: traceOf(flags, io, api) };
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  let cause: unknown;
  const watch = <Value>(promise: Promise<Value>): Promise<Value | undefined> =>
    promise.catch((error: unknown) => {
      if (!failed.signal.aborted) cause = error;
      failed.abort();
      return undefined;
    });
  const reading = readSource(named, api, { signal: either, bind: flags.bind }).then(
    async (source) => {
      await inspect?.(source);
      return source;
    },
  );
  const starting = api.Coordinator.start({ ...engine, threads, signal: either });
  const [coordinator, source] = await Promise.all([watch(starting), watch(reading)]);
  if (coordinator && source) return { coordinator, source };
  await coordinator?.close();
  throw cause;
}
