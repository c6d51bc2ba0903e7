// Translates the events of a torrent into calls of a reporter, which shows them.

import type {
  CloseCounts,
  CoordinatorEvents,
  MagnetLink,
  Metainfo,
  Torrent,
  TorrentEvents,
  TorrentStats,
  TransferAccount,
} from '../../index';

import type { EncryptedOnly } from './encrypted-peers';
import type { NoPeerSource } from './peer-sources';

/** The result of a transfer. */
export interface Summary {
  readonly name: string;
  readonly totalBytes: number;
  /** Payload received in this run. */
  readonly downloadedBytes: number;
  readonly wastedBytes: number;
  /** From the start of the command to the last byte on disk. */
  readonly elapsedSec: number;
  /** What limited the transfer. */
  readonly account: TransferAccount;
}

/** Number of ended connections by reason. */
export interface PeerEnds {
  /** Of peers, including failed dials. */
  readonly closed: CloseCounts;
  /** Incoming ones without a valid handshake. */
  readonly rejected: CloseCounts;
  /** Addresses that the IP filter refused. */
  readonly addressesRefused: number;
  readonly encrypted: EncryptedOnly;
}

/** Shows a transfer: as JSON lines, a progress bar, or plain lines. */
export interface Reporter {
  readonly progressEveryMs: number;
  /** The torrent was added by a magnet link; its metadata is not known yet. */
  link(link: MagnetLink, place: Place): void;
  /** The metadata of the torrent is known. */
  begin(metainfo: Metainfo, place: Place): void;
  progress(stats: TorrentStats): void;
  pieceFailed(event: TorrentEvents['pieceFailed'][0]): void;
  peerConnected(event: TorrentEvents['peerConnected'][0]): void;
  peerClosed(event: TorrentEvents['peerClosed'][0]): void;
  peerRejected(event: CoordinatorEvents['peerRejected'][0]): void;
  /** Its .torrent was written (`--save-torrent`). */
  saved(file: string): void;
  /** The torrent waits, and there is no source of peers. */
  alone(event: NoPeerSource): void;
  tracker(event: TorrentEvents['tracker'][0], stats: TorrentStats): void;
  complete(summary: Summary): void;
  /** Called once, when the command's work is over, in success or failure. */
  peerEnds(ends: PeerEnds): void;
  /** Releases the terminal. Nothing is shown afterwards. */
  end(): void;
}

export interface Place {
  /** The folder that contains the torrent's file or folder. */
  readonly folder: string;
  /** The port for incoming peers. */
  readonly port: number | undefined;
}

/** Connects a torrent to a reporter until the returned function is called. */
export function report(
  torrent: Torrent,
  reporter: Reporter,
  place: Place,
  link?: MagnetLink,
): () => void {
  const onTracker = (event: TorrentEvents['tracker'][0]): void =>
    reporter.tracker(event, torrent.stats());
  const pieceFailed = reporter.pieceFailed.bind(reporter);
  const peerConnected = reporter.peerConnected.bind(reporter);
  const peerClosed = reporter.peerClosed.bind(reporter);
  const begin = (metainfo: Metainfo): void => reporter.begin(metainfo, place);
  if (link) reporter.link(link, place);
  if (torrent.metainfo) begin(torrent.metainfo);
  else torrent.once('metadata', begin);
  torrent.on('tracker', onTracker);
  torrent.on('pieceFailed', pieceFailed);
  torrent.on('peerConnected', peerConnected);
  torrent.on('peerClosed', peerClosed);
  const timer = setInterval(() => reporter.progress(torrent.stats()), reporter.progressEveryMs);
  return () => {
    clearInterval(timer);
    torrent.off('metadata', begin);
    torrent.off('tracker', onTracker);
    torrent.off('pieceFailed', pieceFailed);
    torrent.off('peerConnected', peerConnected);
    torrent.off('peerClosed', peerClosed);
    reporter.end();
  };
}
