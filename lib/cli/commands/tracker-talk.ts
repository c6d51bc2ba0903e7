// Shared by `announce` and `scrape`: their options, and reports as text and as JSON.

import { Option } from 'commander';
import type { Command } from 'commander';
import type { ScrapeOptions, TrackerReport } from '../../index';
import { inOurWords } from '../output/advice';
import { EXIT } from '../context';
import type { Api, Context } from '../context';
import { torrentOrHash, trackerList } from '../options/parsers';
import { jsonOption, secretsOption, timeoutOption } from '../options/shared';
import { isSha1Hex, toHex } from '../../bytes/hex';
import { plural } from '../../text/counts';
import { formatDuration } from '../../text/quantities';
import { jsonLine, printable } from '../output/text';

export interface AskFlags {
  readonly tracker?: readonly string[];
  readonly timeout?: number;
  readonly hex?: boolean;
  readonly json?: boolean;
  readonly showSecrets?: boolean;
}

export const SOURCE = [
  'path or http(s) URL of a .torrent file, or a magnet link; with --tracker also an info hash (40 hex digits)',
  torrentOrHash,
] as const;

export function askOptions(): readonly Option[] {
  return [
    new Option(
      '--tracker <URL>',
      "ask this tracker instead of the torrent's; repeatable",
    ).argParser(trackerList),
    timeoutOption('wait this long for each tracker, 0.1s-10min (default: 20s)'),
    new Option('--hex', 'dump what was sent and received, each range of bytes labelled'),
    jsonOption(),
    secretsOption(),
  ];
}

/**
 * With an info hash a tracker must be given; otherwise it is wrong usage. Exits through commander.
 */
export function hasInfoHash(command: Command, source: string, { tracker }: AskFlags): void {
  if (tracker === undefined && isSha1Hex(source)) {
    command.error('error: an info hash names no tracker: add --tracker <URL>');
  }
}

/** Prints each report when it arrives. Succeeds if a tracker returned what was requested. */
export async function showReports(
  flags: AskFlags,
  { api, io, signal }: Context,
  ask: (options: ScrapeOptions) => Promise<TrackerReport[]>,
): Promise<number> {
  const { hex = false, json = false } = flags;
  let shown = 0;
  const reports = await ask({
    trackers: flags.tracker,
    timeoutMs: flags.timeout === undefined ? undefined : Math.round(flags.timeout * 1000),
    showSecrets: flags.showSecrets,
    signal,
    onReport: (report) => {
      const separator = shown > 0 && !json ? '\n' : '';
      shown += 1;
      io.stdout(
        json ? jsonLine(recordOf(report, hex)) : `${separator}${inWords(report, hex, api)}`,
      );
    },
  });
  return reports.some(({ ok }) => ok) ? EXIT.done : EXIT.failed;
}

/** The JSON object; bytes only with `--hex`. */
export function recordOf(report: TrackerReport, hex: boolean): object {
  const { kind, failure, packets, ...rest } = report;
  return {
    type: kind,
    url: rest.url,
    protocol: rest.protocol,
    ok: rest.ok,
    infoHash: rest.infoHash,
    infoHashEscaped: rest.infoHashEscaped,
    requestUrl: rest.requestUrl ?? null,
    request: rest.request,
    attempts: rest.attempts,
    status: rest.status ?? null,
    elapsedMs: rest.elapsedMs,
    trackerIp: rest.trackerIp ?? null,
    reply: rest.reply,
    failure: failure ? { ...failure, reason: failure.reason ?? null } : null,
    warning: rest.warning ?? null,
    peers: rest.peers,
    droppedPeers: rest.droppedPeers,
    seeds: rest.seeds ?? null,
    leechers: rest.leechers ?? null,
    completed: rest.completed ?? null,
    intervalSec: rest.intervalSec ?? null,
    stoppedAfter: rest.stoppedAfter ?? null,
    hints: rest.hints.map(inOurWords),
    packets: packets.map(({ direction, what, atMs, bytes, ranges }) => ({
      direction,
      what,
      atMs: roundedMs(atMs),
      lengthBytes: bytes.length,
      ...(hex ? { hex: toHex(bytes), ranges } : {}),
    })),
  };
}

/** Most fields shown of one message; a reply may have thousands. `--hex` and `--json` show more. */
const MAX_FIELDS = 40;
const LABEL_WIDTH = 12;

/** The report as text: one fact per line, then the dumps. */
export function inWords(report: TrackerReport, hex: boolean, api: Pick<Api, 'hexDump'>): string {
  const { kind, url, failure, packets } = report;
  const lines = [`${kind} ${printable(url)}`];
  const fact = (label: string, value: string): void => {
    lines.push(`  ${label.padEnd(LABEL_WIDTH)}${printable(value)}`);
  };
  fact('info hash', `${report.infoHash} in hex`);
  fact('', `${report.infoHashEscaped} escaped, as HTTP trackers want it`);
  fact('request', requestInWords(report));
  lines.push(...fieldLines(report.request));
  if (report.protocol === 'udp') {
    for (const { direction, what, atMs, bytes } of packets) {
      fact('', `${direction} ${what}, ${plural(bytes.length, 'byte')}, at ${roundedMs(atMs)} ms`);
    }
  }
  fact('answer', answerInWords(report));
  lines.push(...fieldLines(report.reply));
  if (failure?.reason !== undefined) fact('FAILURE', `failure reason: ${failure.reason}`);
  else if (failure !== undefined) fact('FAILURE', failure.message);
  if (report.warning !== undefined) fact('WARNING', `warning message: ${report.warning}`);
  if (failure === undefined) fact('result', resultInWords(report));
  for (const hint of report.hints) fact('hint', inOurWords(hint));
  if (hex) for (const packet of packets) lines.push('', ...dumpLines(packet, api));
  return `${lines.join('\n')}\n`;
}

function fieldLines(fields: TrackerReport['request']): string[] {
  const width = fields.reduce((most, { name }) => Math.max(most, Math.min(name.length, 24)), 0);
  const lines = fields
    .slice(0, MAX_FIELDS)
    .map(({ name, value }) => `    ${printable(name).padEnd(width)}  ${printable(value)}`);
  if (fields.length > MAX_FIELDS) lines.push(`    and ${fields.length - MAX_FIELDS} more`);
  return lines;
}

function requestInWords({ requestUrl, attempts }: TrackerReport): string {
  if (requestUrl !== undefined) return `GET ${requestUrl}`;
  if (attempts === 0) return 'none was sent';
  return attempts === 1 ? 'one packet:' : `the last of ${attempts} packets:`;
}

function answerInWords({ status, elapsedMs, trackerIp, packets, failure }: TrackerReport): string {
  const from = trackerIp === undefined ? '' : ` from ${trackerIp}`;
  if (status !== undefined) return `HTTP status ${status}${from} in ${elapsedMs} ms`;
  const some = packets.some(({ direction }) => direction === 'received');
  if (failure !== undefined && !some) return `none in ${elapsedMs} ms`;
  return `after ${elapsedMs} ms${from}`;
}

function resultInWords(report: TrackerReport): string {
  const { peers, seeds, leechers, completed, droppedPeers, intervalSec, stoppedAfter } = report;
  const parts: string[] = [];
  if (report.kind === 'announce') parts.push(plural(peers.length, 'peer'));
  if (droppedPeers > 0) parts.push(`${droppedPeers} left out (ourselves, or not to be dialled)`);
  if (seeds !== undefined) parts.push(plural(seeds, 'seed'));
  if (leechers !== undefined) parts.push(plural(leechers, 'leecher'));
  if (completed !== undefined) parts.push(`${plural(completed, 'download')} completed`);
  if (parts.length === 0) parts.push('no counts');
  const next = intervalSec === undefined ? '' : `; next announce in ${formatDuration(intervalSec)}`;
  const left =
    stoppedAfter === undefined
      ? ''
      : `; ${stoppedAfter ? 'said "stopped" after it' : '"stopped" after it was not answered'}`;
  return `${parts.join(', ')}${next}${left}`;
}

function dumpLines(
  { direction, what, atMs, bytes, ranges }: TrackerReport['packets'][number],
  { hexDump }: Pick<Api, 'hexDump'>,
): string[] {
  const head = `${direction} at ${roundedMs(atMs)} ms: ${what}, ${plural(bytes.length, 'byte')}`;
  const dump = hexDump(bytes, ranges).split('\n').slice(0, -1);
  return [head, ...dump.map(printable)];
}

function roundedMs(ms: number): number {
  return Math.round(ms * 10) / 10;
}
