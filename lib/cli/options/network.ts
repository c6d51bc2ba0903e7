// Options of `download` and `seed` for the use of the network.

import { Option } from 'commander';
import type { CoordinatorOptions } from '../../index';
import { MAX_PORT } from '../../address/host-port';
import { nonEmpty, wholeNumber } from './parsers';

export interface NetworkFlags {
  readonly bind?: string;
  readonly announceAddress?: string;
  readonly announcePort?: number;
  readonly dscp?: number;
  readonly maxPeers?: number;
  readonly ipFilter?: readonly string[];
  readonly ipAllow?: readonly string[];
}

export function networkOptions(): readonly Option[] {
  return [
    new Option(
      '--bind <ADDRESS|INTERFACE>',
      'bind all sockets to this own address, or to the addresses of this interface',
    ).argParser(nonEmpty),
    new Option(
      '--announce-address <HOST>',
      'address or name that trackers should give to peers for this engine',
    ).argParser(nonEmpty),
    new Option(
      '--announce-port <N>',
      'port that is announced, if a router forwards it to --port, 1-65535',
    ).argParser(wholeNumber(1, MAX_PORT)),
    new Option(
      '--dscp <N>',
      'DSCP of packets that are sent to peers, 0-63; needs a recent Node 24 or later',
    ).argParser(wholeNumber(0, 63)),
    new Option('--max-peers <N>', 'most peer connections, 1-8000 (default: 100)').argParser(
      wholeNumber(1, 8000),
    ),
    new Option(
      '--ip-filter <FILE>',
      'refuse peers in the ranges of this file (P2P, DAT or CIDR, also gzip); repeatable',
    ).argParser(fileList),
    new Option(
      '--ip-allow <FILE>',
      'accept only peers in the ranges of this file; repeatable',
    ).argParser(fileList),
  ];
}

/** Paths, repeatable. */
function fileList(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, nonEmpty(text)];
}

/** The same as options of the library. */
export function networkOf(flags: NetworkFlags): Partial<CoordinatorOptions> {
  const { bind, announceAddress, announcePort, dscp, maxPeers, ipFilter, ipAllow } = flags;
  const isFiltered = ipFilter !== undefined || ipAllow !== undefined;
  return {
    bind,
    announceAddress,
    announcePort,
    dscp,
    // The engine has one torrent, which may use all connections.
    maxConnections: maxPeers,
    maxConnectionsPerTorrent: maxPeers,
    ...(isFiltered && { ipFilter: { blockFiles: ipFilter, allowFiles: ipAllow } }),
  };
}
