// The interface of a client under test: its commands for a download, a seed and a recheck.

import type { Launch } from '../support/children';
import type { BenchTorrent } from '../support/torrent';
import type { Ground } from '../swarm/peers';

export interface Job {
  readonly torrent: BenchTorrent;
  /** The .torrent, its tracker (if any) is `trackerUrl`. */
  readonly torrentPath: string;
  /** Where the data goes to, or is. */
  readonly folder: string;
  /** Folder for all other files of the client; new for every run. */
  readonly scratch: string;
}

export interface DownloadJob extends Job {
  /** `host:port` of every seeder. Clients without such an option ask the torrent's tracker. */
  readonly peers: readonly string[];
}

export interface SeedJob extends Job {
  /** TCP port to listen on. */
  readonly port: number;
}

export interface Client {
  /** With its version. */
  readonly name: string;
  /** True for a client that finds peers only through the torrent's tracker. */
  readonly needsTracker?: boolean;
  /** Where it and its peers run, if not on plain loopback. */
  readonly ground?: Ground;
  /** Ends by itself, with exit code 0, once every byte is verified and written. */
  readonly download?: (job: DownloadJob) => Launch;
  /** Time from `ready` until it accepts connections for the torrent. */
  readonly settleMs?: number;
  /** Serves until it is killed; `ready` matches its output once everything is verified. */
  readonly seed?: (job: SeedJob) => Launch & { readonly ready: RegExp };
  /** Hashes everything that is there and ends. */
  readonly recheck?: (job: Job) => Launch;
}

/** Thrown with the reason why a client cannot be measured. */
export class Unavailable extends Error {}
