// One call that serves a file or folder to other machines: creates its torrent, a tracker that
// publishes it, and a seed.

import { isIPv6 } from 'node:net';
import { basename, dirname, resolve } from 'node:path';
import { MAX_PORT } from '../address/host-port';
import { bracketed } from '../address/text';
import { percentEncode } from '../bytes/percent';
import type { Metainfo } from '../metainfo/metainfo';
import { Coordinator } from './coordinator';
import { CREATE, createTorrent } from './create-torrent';
import type { CreateOptions } from './create-torrent';
import type { FollowedLink, SkippedEntry } from './list-files';
import {
  badOption,
  callback,
  checkOptions,
  checkValue,
  optional,
  shown,
  text,
  wholeNumber,
} from './checks';
import type { Check, Checks } from './checks';
import { localAddresses } from './local-addresses';
import { engineOptions } from './options';
import type { CoordinatorOptions } from './options';
import type { Torrent } from './torrent';
import { startTracker } from './tracker';
import type { TrackerServer } from './tracker';
import { reportVerified, untilSeeding } from './until-seeding';

/** Options of `share`. All are optional. */
export interface ShareOptions extends Omit<CreateOptions, 'trackers'> {
  /**
   * Name or address of this machine as others know it; this machine must also reach itself by it.
   * Default: the first of `localAddresses()`, or 127.0.0.1 if there is none.
   */
  readonly host?: string;
  /** Port of the tracker, for both HTTP and UDP, 0–65535; 0 picks free ones. Default 0. */
  readonly port?: number;
  /**
   * Like `onProgress`, for the second reading: the engine verifies the data itself. Called at most
   * four times a second, and at the end.
   */
  readonly onVerifyProgress?: CreateOptions['onProgress'];
  /** Options of the engine that seeds; its `port` is where peers connect. */
  readonly engine?: CoordinatorOptions;
}

const { trackers: _ours, ...CREATE_FOR_SHARE } = CREATE;

/** Check of a host; returns it as written in a URL. */
const hostInUrl: Check<string> = (name, value) => {
  const host = text('a name or an address without a port')(name, value);
  const written = isIPv6(host) ? bracketed(host) : host;
  if (/^[\w.-]+$|^\[.*\]$/.test(written) && URL.canParse(`http://${written}:1/`)) return written;
  throw badOption(name, `must be a name or an address without a port, not ${shown(host)}`);
};

const SHARE = {
  ...CREATE_FOR_SHARE,
  host: optional(hostInUrl),
  port: wholeNumber(0, MAX_PORT, 0),
  onVerifyProgress: callback<NonNullable<CreateOptions['onProgress']>>(),
  engine: (_, value) => engineOptions(value),
} satisfies Checks<ShareOptions>;

/** A share. Others can download from it until it is closed. */
export interface Share {
  /**
   * URL of the .torrent: all that others need. Apart from the brackets of IPv6, it contains no
   * character that needs quoting in a shell.
   */
  readonly downloadUrl: string;
  /** The seed. */
  readonly torrent: Torrent;
  readonly metainfo: Metainfo;
  /** As in `CreatedTorrent`. */
  readonly followed: readonly FollowedLink[];
  /** As in `CreatedTorrent`. */
  readonly skipped: readonly SkippedEntry[];
  /** Its `stats()` report `peers` (including the seed), `seeds` and `completed`. */
  readonly tracker: TrackerServer;
  /** TCP port of the seed. */
  readonly peerPort: number | undefined;
  /** Closes the seed, which announces `stopped`, then the tracker. May be called again. */
  close(): Promise<void>;
}

/**
 * Announce interval. A new peer dials the others at once; they get its address from the tracker
 * within a minute.
 */
const INTERVAL_SEC = 60;

/**
 * Hashes `path`, verifies it, and serves it. Resolves when the data is verified, the tracker knows
 * the seed, and `downloadUrl` works. The tracker listens on all addresses and serves only this
 * torrent.
 *
 * @throws MillraceError `bad-option`, `source-unreadable`, `tracker-listen-failed`,
 * `listen-failed`, `share-unreachable` (`host` does not lead to this machine); the torrent's own
 * error if the data changed after it was hashed; the reason of `signal`.
 */
export async function share(path: string, options: ShareOptions = {}): Promise<Share> {
  const checked = checkOptions('share', options, SHARE);
  const { engine, port, onVerifyProgress, signal, ...create } = checked;
  const authority = checked.host ?? hostInUrl('host', localAddresses()[0] ?? '127.0.0.1');
  const source = resolve(checkValue('path', () => path, text('the path of a file or folder')));
  signal?.throwIfAborted();
  const open: (() => Promise<void>)[] = [];
  const closeAll = async (): Promise<void> => {
    const failures: unknown[] = [];
    // Closes everything, even if one of them fails.
    for (const close of open.splice(0).reverse()) {
      await close().catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  };
  try {
    // First, so that a port in use is reported before hours of hashing.
    const tracker = await startTracker({
      host: '::',
      port,
      udpPort: port,
      intervalSec: INTERVAL_SEC,
      whitelist: [],
    });
    open.push(() => tracker.close());
    const coordinator = await Coordinator.start({ ...engine, signal });
    open.push(() => coordinator.close());
    const { bytes, metainfo, followed, skipped } = await createTorrent(source, {
      ...create,
      signal,
      trackers: [
        [`http://${authority}:${tracker.port}/announce`],
        [`udp://${authority}:${tracker.udpPort ?? 0}/announce`],
      ],
    });
    tracker.allow(metainfo.infoHash);
    const name = `${basename(source)}.torrent`;
    tracker.publish(name, bytes);
    const torrent = await coordinator.add(metainfo, {
      output: dirname(source),
      download: false,
      signal,
    });
    const stop = reportVerified(torrent, onVerifyProgress);
    await untilSeeding(torrent, authority).finally(stop);
    let closing: Promise<void> | undefined;
    return {
      downloadUrl: `http://${authority}:${tracker.port}/${percentEncode(Buffer.from(name))}`,
      torrent,
      metainfo,
      followed,
      skipped,
      tracker,
      peerPort: coordinator.port,
      close: () => (closing ??= closeAll()),
    };
  } catch (error) {
    await closeAll().catch(() => undefined); // The first error is the one to report.
    signal?.throwIfAborted(); // The abort caused whatever else failed.
    throw error;
  }
}
