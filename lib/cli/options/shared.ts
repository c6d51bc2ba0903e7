// Options shared by several commands.

import { Option } from 'commander';
import { GIB, KIB, MIB } from '../../bytes/lengths';
import type { AnnounceToAll, SeedChoking } from '../../index';
import { LOG_LEVEL_NAMES } from '../../text/log-levels';
import type { LogLevel } from '../../text/log-levels';
import { decimal, nonEmpty, orAuto, ownPort, peerList, wholeNumber } from './parsers';
import { limitOptions } from './limits';
import type { LimitFlags } from './limits';
import { networkOptions } from './network';
import type { NetworkFlags } from './network';
import { size, time } from './quantities';
import { LINK_RULES } from '../output/source-notes';

/** The range that the engine accepts: 16 KiB to 256 MiB. */
export const pieceLengthOption = (): Option =>
  new Option(
    '--piece-length <SIZE>',
    'size of a piece, a power of two, 16K-256M (default: by size)',
  ).argParser(
    size({
      lowBytes: 16 * KIB,
      highBytes: 256 * MIB,
      plain: 'B',
      example: '256K or 4M',
      powerOfTwo: true,
    }),
  );

/** Options of the commands that run an engine. */
export interface EngineFlags extends LimitFlags, NetworkFlags {
  readonly port?: number;
  readonly peer?: readonly string[];
  readonly peerThreads?: number;
  readonly verifyThreads?: number;
  readonly connectionsPerAddress?: number;
  readonly multiplePerAddress?: boolean;
  readonly uploadSlots?: number | 'auto';
  readonly seedChoking?: SeedChoking;
  /** Bytes. */
  readonly memory?: number;
  readonly recheck?: boolean;
  readonly seedRatio?: number;
  /** Seconds. */
  readonly seedTime?: number;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly logLevel?: LogLevel;
  readonly announceToAll?: AnnounceToAll;
  readonly showSecrets?: boolean;
  readonly trace?: string;
  readonly tracePeer?: readonly string[];
  readonly tracePayload?: boolean;
  /** Bytes. */
  readonly traceLimit?: number;
}

/** Where the data of a torrent lies; `flags.data` is always there. */
export const dataOption = (): Option =>
  new Option('-d, --data <DIR>', "folder that holds the torrent's file or folder")
    .argParser(nonEmpty)
    .makeOptionMandatory();

export const jsonOption = (): Option =>
  new Option('--json', 'print JSON on stdout, one object per line (docs/CLI.md)');

export const quietOption = (): Option =>
  new Option('--quiet', 'print no progress and no summary; errors are still printed');

export const threadsOption = (): Option =>
  new Option('--verify-threads <N>', 'most threads that hash and write, 2-64').argParser(
    wholeNumber(2, 64),
  );

export const ratioOption = (): Option =>
  new Option('--seed-ratio <R>', 'stop after uploading R times the size of the torrent')
    .argParser(decimal(0, 1_000_000, '', true))
    .conflicts(['seedTime']);

const TEN_YEARS_SEC = 3650 * 86_400;

export const timeOption = (): Option =>
  new Option('--seed-time <TIME>', 'stop after seeding for this long: 90 (minutes), 36h, 2d')
    .argParser(time({ lowSec: 0, highSec: TEN_YEARS_SEC, plain: 'min', example: '90 or 36h' }))
    .conflicts(['seedRatio']);

/** Time limit of one request or one step, in seconds. */
export const timeoutOption = (what: string): Option =>
  new Option('--timeout <TIME>', what).argParser(
    time({ lowSec: 0.1, highSec: 600, plain: 's', example: '20 or 1.5s' }),
  );

const SEED_CHOKING: readonly SeedChoking[] = ['round-robin', 'fastest-upload'];

const ANNOUNCE_TO_ALL: readonly AnnounceToAll[] = ['none', 'tiers', 'trackers'];

export const secretsOption = (): Option =>
  new Option('--show-secrets', 'print the URLs of trackers whole, with passkeys and passwords');

/** The common options of `download` and `seed`. */
export function engineOptions(): readonly Option[] {
  return [
    new Option('--port <N>', 'TCP port for incoming peers, 0-65535; 0 picks a free one')
      .argParser(ownPort())
      .default(0),
    new Option(
      '--peer <HOST:PORT>',
      'connect to this peer, [IPV6]:PORT for IPv6; repeatable',
    ).argParser(peerList),
    new Option('--recheck', 'hash all existing data, whatever the resume record says'),
    new Option('--peer-threads <N>', 'threads that own peer connections, 1-32').argParser(
      wholeNumber(1, 32),
    ),
    threadsOption(),
    new Option('--memory <SIZE>', 'memory for pieces on their way, 4M-4G (default: 48M)').argParser(
      size({ lowBytes: 4 * MIB, highBytes: 4 * GIB, plain: 'MiB', example: '100M or 1.5G' }),
    ),
    new Option(
      '--connections-per-address <N>',
      'peers of one address that keep their place while others wait, 1-8000 (default: 8)',
    ).argParser(wholeNumber(1, 8000)),
    new Option(
      '--multiple-per-address',
      'let several peers at one address connect to a torrent, as in offices behind NAT',
    ),
    new Option(
      '--upload-slots <N>',
      'peers that may download from us at a time, 1-1000, or auto: by the upload rate (default: auto)',
    ).argParser(orAuto(1, 1000)),
    new Option(
      '--seed-choking <RULE>',
      'which peers may download from a complete torrent: all in turn, or the fastest (default: round-robin)',
    ).choices(SEED_CHOKING),
    ...limitOptions(),
    ...networkOptions(),
    jsonOption(),
    quietOption(),
    new Option(
      '--log-level <LEVEL>',
      'write log records of this level and above to stderr',
    ).choices(LOG_LEVEL_NAMES),
    new Option(
      '--announce-to-all <WHICH>',
      'trackers to announce to: one of all, one of each tier, or every one (default: none)',
    ).choices(ANNOUNCE_TO_ALL),
    secretsOption(),
  ];
}

/** How `create` and `share` treat links in a folder. */
export function linksOption(): Option {
  return new Option(
    '--links <RULE>',
    'symbolic links in the folder: follow those that lead inside it, skip or follow all',
  )
    .choices(LINK_RULES)
    .default('inside');
}
