// `millrace tracker`: runs a small tracker for a private cluster until it is interrupted.

import { readdir, readFile, stat } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { join } from 'node:path';
import { Option } from 'commander';
import type { Command } from 'commander';
import type { TrackerServer, TrackerServerStats } from '../../index';
import type { Api, Context, RunFlags, Runner } from '../context';
import { EXIT } from '../context';
import { liveLine } from '../output/progress-line';
import { nonEmpty, ownPort, wholeNumber } from '../options/parsers';
import { jsonOption, quietOption } from '../options/shared';
import { time } from '../options/quantities';
import { fired } from '../../async/on-abort';
import { bracketed } from '../../address/text';
import { isSha1Hex, toHex } from '../../bytes/hex';
import { plural } from '../../text/counts';
import { jsonLine } from '../output/text';

const DEFAULT_PORT = 6969;
const JSON_EVERY_MS = 1000;
/** A tracker runs for weeks, and its output is often a log. */
const LINE_EVERY_MS = 60_000;

export interface TrackerFlags extends RunFlags {
  readonly http: number | false;
  readonly udp: number | false;
  readonly host: string;
  readonly whitelist?: string;
  readonly interval: number;
  readonly torrents?: number;
  readonly peersPerTorrent?: number;
  readonly peersPerIp?: number;
  readonly requestsPerIp?: number;
  readonly statsPage: boolean;
}

const HELP = `
State is in memory only: after a restart peers come back with their next announce.

Examples:
  millrace tracker
  millrace tracker --http 8080 --no-udp --host 127.0.0.1
  millrace tracker --whitelist /srv/torrents --interval 300

Exit codes: 1 failed, 2 wrong usage, 129 / 130 / 143 interrupted.`;

const port = ownPort();
const count = wholeNumber(1, 10_000_000);

export function define(command: Command, run: Runner): void {
  command
    .addOption(
      new Option('--http <PORT>', 'port for HTTP, 0-65535; 0 picks a free one')
        .argParser(port)
        .default(DEFAULT_PORT),
    )
    .option('--no-http', 'no HTTP: neither announces nor the stats page')
    .addOption(
      new Option('--udp <PORT>', 'port for UDP, 0-65535; 0 picks a free one')
        .argParser(port)
        .default(DEFAULT_PORT),
    )
    .option('--no-udp', 'no UDP')
    .addOption(
      new Option('--host <ADDRESS>', 'address to listen on')
        .argParser(nonEmpty)
        .default('::', 'every address, IPv4 and IPv6'),
    )
    .addOption(
      new Option(
        '--whitelist <PATH>',
        'serve these torrents only: a folder of .torrent files, or a file of info hashes, one a line',
      ).argParser(nonEmpty),
    )
    .addOption(
      new Option('--interval <TIME>', 'how long peers wait between announces, 1s-1d')
        .argParser(
          time({ lowSec: 1, highSec: 86_400, plain: 's', example: '300 or 30min', whole: true }),
        )
        .default(1800, '30min'),
    )
    .addOption(new Option('--torrents <N>', 'most torrents (default: 50000)').argParser(count))
    .addOption(
      new Option('--peers-per-torrent <N>', 'most peers of one torrent (default: 50000)').argParser(
        count,
      ),
    )
    .addOption(
      new Option('--peers-per-ip <N>', 'most peers behind one address (default: 10000)').argParser(
        count,
      ),
    )
    .addOption(
      new Option(
        '--requests-per-ip <N>',
        'most requests a second from one address (default: 100)',
      ).argParser(count),
    )
    .option('--no-stats-page', 'do not serve the counters at /stats and /stats.json')
    .addOption(jsonOption())
    .addOption(quietOption())
    .addHelpText('after', HELP)
    .action((flags: TrackerFlags) => run(flags, (context) => tracker(flags, context)));
}

export async function tracker(flags: TrackerFlags, context: Context): Promise<number> {
  const { api, io, signal } = context;
  const server = await api.startTracker({
    host: flags.host,
    port: flags.http,
    udpPort: flags.udp,
    intervalSec: flags.interval,
    whitelist: flags.whitelist === undefined ? undefined : await hashesOf(flags.whitelist, api),
    limits: {
      maxTorrents: flags.torrents,
      maxPeersPerTorrent: flags.peersPerTorrent,
      maxPeersPerIp: flags.peersPerIp,
      requestsPerSecPerIp: flags.requestsPerIp,
    },
    statsPage: flags.statsPage,
  });
  try {
    const urls = urlsOf(server, flags, api);
    if (flags.json) io.stdout(jsonLine({ type: 'tracker-started', ...urls }));
    else if (!flags.quiet) {
      for (const url of urls.announce) io.stdout(`${url}\n`);
      if (urls.stats !== null) io.stdout(`${urls.stats}\n`);
    }
    const live = liveLine(io, flags, LINE_EVERY_MS, () => statsLine(server.stats()));
    const timer = setInterval(() => {
      if (flags.json && !flags.quiet) io.stdout(statsJson(server));
    }, JSON_EVERY_MS);
    try {
      await fired(signal);
    } finally {
      clearInterval(timer);
      live.end();
      if (flags.json) io.stdout(statsJson(server));
    }
  } finally {
    await server.close();
  }
  return EXIT.done;
}

/**
 * The info hashes of a file (one per line, with comments after `#`) or of a folder's .torrent
 * files.
 */
async function hashesOf(path: string, api: Api): Promise<string[]> {
  const found = await stat(path);
  if (found.isDirectory()) {
    const names = (await readdir(path)).filter((name) => name.endsWith('.torrent'));
    const hashes: string[] = [];
    for (const name of names)
      hashes.push(toHex((await api.readTorrent(join(path, name))).infoHash));
    return hashes;
  }
  if (!found.isFile()) {
    const why = 'it is neither a file nor a folder';
    throw new api.MillraceError('bad-option', `the list ${path} cannot be read: ${why}`);
  }
  const lines = (await readFile(path, 'utf8')).split(/\r?\n/);
  const hashes = lines.map((line) => line.replace(/#.*/, '').trim());
  const wrong = hashes.findIndex((hash) => hash !== '' && !isSha1Hex(hash));
  if (wrong >= 0) {
    throw new api.MillraceError(
      'bad-option',
      `line ${wrong + 1} of the list ${path} is no info hash: one of 40 hex digits stands in each line, and # begins a comment`,
    );
  }
  return hashes.filter((hash) => hash !== '');
}

interface TrackerUrls {
  readonly announce: readonly string[];
  readonly stats: string | null;
}

/** The URLs for all addresses of this machine, because `[::]` is useless to a peer. */
function urlsOf(
  { port: http, udpPort }: TrackerServer,
  flags: TrackerFlags,
  api: Api,
): TrackerUrls {
  // `::` means both families, 0.0.0.0 only IPv4.
  const local = api.localAddresses().filter((host) => flags.host === '::' || isIPv4(host));
  const everywhere = flags.host === '::' || flags.host === '0.0.0.0';
  const hosts = everywhere ? (local.length > 0 ? local : ['127.0.0.1']) : [flags.host];
  const authorities = hosts.map(bracketed);
  const announce = authorities.flatMap((authority) => [
    ...(flags.http === false ? [] : [`http://${authority}:${http}/announce`]),
    ...(udpPort === undefined ? [] : [`udp://${authority}:${udpPort}/announce`]),
  ]);
  const page = flags.statsPage && flags.http !== false;
  return { announce, stats: page ? `http://${authorities[0]}:${http}/stats` : null };
}

/** All the counters in one line. */
export function statsLine(stats: TrackerServerStats): string {
  const { announces, scrapes, refused } = stats;
  const total = announces.http + announces.udp;
  const turnedAway = Object.values(refused).reduce((sum, more) => sum + more, 0);
  return (
    `${plural(stats.torrents, 'torrent')}, ${plural(stats.peers, 'peer')}, ` +
    `${plural(stats.seeds, 'seed')}; ${plural(total, 'announce')} (${announces.http} HTTP, ` +
    `${announces.udp} UDP), ${plural(scrapes.http + scrapes.udp, 'scrape')}, ${turnedAway} refused`
  );
}

function statsJson(server: TrackerServer): string {
  return jsonLine({ type: 'tracker-stats', ...server.stats() });
}
