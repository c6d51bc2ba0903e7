// What a bench asks of a client under test: the commands of a download, a seed and a recheck.

import type { Launch } from '../support/children';
import type { BenchTorrent } from '../support/torrent';
import type { Ground } from '../swarm/peers';

export interface Job {
  readonly torrent: BenchTorrent;
  /** The .torrent, its tracker (if any) is `trackerUrl`. */
  readonly torrentPath: string;
  /** Where the data goes to, or is. */
  readonly folder: string;
  /** For whatever else the client stores; fresh for every run. */
  readonly scratch: string;
}

export interface DownloadJob extends Job {
  /** `host:port` of every seeder. Clients that cannot be told peers ask the torrent's tracker. */
  readonly peers: readonly string[];
}

export interface SeedJob extends Job {
  /** TCP port to listen on. */
  readonly port: number;
}

export interface Client {
  /** With its version. */
  readonly name: string;
  /** It finds peers by the torrent's tracker only. */
  readonly needsTracker?: boolean;
  /** Where it and its peers run, if not on plain loopback. */
  readonly ground?: Ground;
  /** Ends by itself, with exit code 0, once every byte is verified and written. */
  readonly download?: (job: DownloadJob) => Launch;
  /** How long it goes on to prepare after that, before it takes connections for the torrent. */
  readonly settleMs?: number;
  /** Serves until it is killed; `ready` is what it prints when everything is verified. */
  readonly seed?: (job: SeedJob) => Launch & { readonly ready: RegExp };
  /** Hashes everything that is there and ends. */
  readonly recheck?: (job: Job) => Launch;
}

/** Why a client is not among those that are measured. */
export class Unavailable extends Error {}
