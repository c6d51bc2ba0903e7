// A torrent without a tracker and without peers given by the user: there is no source of peers,
// which is reported instead of waiting silently.

import type { AddOptions, MagnetLink, Metainfo, Torrent, TorrentStats } from '../../index';
import { plural } from '../../text/counts';
import { isLink } from './source';

export interface NoPeerSource {
  /** Number of tracker URLs that are not used. */
  readonly ignoredTrackers: number;
  /** The port for incoming peers. */
  readonly port: number | undefined;
  /** The problem, its cause, and what to do, in one line. */
  readonly message: string;
}

/** Undefined if there is a tracker or a peer. */
export function noPeerSource(
  source: Metainfo | MagnetLink,
  { peers = [], download = true }: AddOptions,
  port: number | undefined,
): NoPeerSource | undefined {
  const { what, known, ignoredTrackerCount } = sourcesIn(source);
  if (peers.length + known > 0) return undefined;
  const why =
    ignoredTrackerCount === 0
      ? `the ${what} names no tracker`
      : `none of the ${what}'s ${plural(ignoredTrackerCount, 'tracker URL')} is used (\`millrace info\` says why)`;
  const where = `port ${port ?? 'unknown'} of this machine`;
  const message = download
    ? `no source of peers: ${why}, and no --peer is given; waiting for peers that connect to ` +
      `${where}: name one with --peer HOST:PORT, or use a .torrent with a tracker (\`millrace create --tracker URL\`)`
    : `this seed is not announced: ${why}, and no --peer is given; waiting for peers that connect to ` +
      `${where}: give them its address, or use a .torrent with a tracker (\`millrace create --tracker URL\`)`;
  return { ignoredTrackers: ignoredTrackerCount, port, message };
}

function sourcesIn(source: Metainfo | MagnetLink): {
  readonly what: string;
  readonly known: number;
  readonly ignoredTrackerCount: number;
} {
  if (!isLink(source)) {
    const { trackers, ignoredTrackerCount = 0 } = source;
    return { what: 'torrent', known: trackers.flat().length, ignoredTrackerCount };
  }
  const { trackers, peers, ignored = [] } = source;
  const broken = ignored.filter(({ parameter }) => parameter === 'tr').length;
  const known = trackers.length + peers.length;
  return { what: 'magnet link', known, ignoredTrackerCount: broken };
}

/**
 * Calls `say` once, when the torrent first waits for peers, unless the returned function was called
 * before.
 */
export function onceItWaits(
  torrent: Pick<Torrent, 'on' | 'off' | 'stats'>,
  seeds: boolean,
  say: () => void,
): () => void {
  const stop = (): void => void torrent.off('stats', look);
  const look = ({ phase }: TorrentStats): void => {
    const waits = phase === 'downloading' || phase === 'metadata';
    if (!waits && !(seeds && phase === 'seeding')) return;
    stop();
    say();
  };
  torrent.on('stats', look);
  look(torrent.stats());
  return stop;
}
