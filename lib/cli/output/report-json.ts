// Reports a transfer as JSON lines on stdout. docs/CLI.md documents every field and unit.

import type { Metainfo, TorrentStats } from '../../index';
import { toHex } from '../../bytes/hex';
import { accountJson } from './account';
import type { Io } from '../context';
import { totalOf } from './lines';
import { linkRecord } from './magnet';
import type { Reporter } from '../transfer/report';
import { contentBytesOf } from './content';
import { jsonLine, printable } from './text';

const PROGRESS_EVERY_MS = 1000;

/** `quiet` omits the `progress` objects; `showUrl` formats the URL of a tracker. */
export function jsonReporter(io: Io, quiet: boolean, showUrl: (url: string) => string): Reporter {
  const print = (value: object): void => io.stdout(jsonLine(value));
  let last: TorrentStats | undefined;
  return {
    progressEveryMs: PROGRESS_EVERY_MS,
    link(link, { folder, port }) {
      print({ type: 'magnet', ...linkRecord(link, showUrl), folder, port: port ?? null });
    },
    saved(file) {
      print({ type: 'torrent-saved', file });
    },
    begin(metainfo, { folder, port }) {
      print({ type: 'metadata', ...contentOf(metainfo), folder, port: port ?? null });
    },
    progress(stats) {
      if (quiet || stats === last) return;
      last = stats;
      print(progressOf(stats));
    },
    pieceFailed({ piece, suspects, banned }) {
      print({ type: 'piece-failed', piece, suspects, banned });
    },
    peerConnected({ host, port, incoming }) {
      print({ type: 'peer-connected', host, port, incoming });
    },
    peerClosed({ host, port, reason, detail, downloadedBytes, uploadedBytes }) {
      print({ type: 'peer-closed', host, port, reason, detail, downloadedBytes, uploadedBytes });
    },
    alone({ ignoredTrackers, port, message }) {
      print({ type: 'no-peer-source', ignoredTrackers, port: port ?? null, message });
      io.stderr(`millrace: ${printable(message)}\n`);
    },
    tracker(event) {
      const { url, ok, peers } = event;
      print({
        type: 'tracker',
        url: showUrl(url),
        ok,
        message: event.message ?? null,
        peers,
        seeds: event.seeds ?? null,
        leechers: event.leechers ?? null,
        nextAnnounceSec: event.nextAnnounceSec ?? null,
      });
    },
    complete({ totalBytes, downloadedBytes, wastedBytes, elapsedSec, ...rest }) {
      const account = accountJson(rest.account);
      print({ type: 'complete', totalBytes, downloadedBytes, wastedBytes, elapsedSec, account });
    },
    peerRejected({ host, port, reason, detail }) {
      print({ type: 'peer-rejected', host, port, reason, detail });
    },
    peerEnds({ closed, rejected, addressesRefused, encrypted }) {
      print({
        type: 'peers-closed',
        total: totalOf(closed),
        reasons: closed,
        rejectedTotal: totalOf(rejected),
        rejectedReasons: rejected,
        addressesRefused,
        encryptedOnly: encrypted.peers,
        reachedPeers: encrypted.reached,
      });
    },
    end() {},
  };
}

function contentOf(metainfo: Metainfo): object {
  const { name, pieceLengthBytes, pieceCount } = metainfo;
  const files = metainfo.files.map(({ path, lengthBytes }) => ({
    path: path.join('/'),
    lengthBytes,
  }));
  const infoHash = toHex(metainfo.infoHash);
  const totalBytes = contentBytesOf(metainfo);
  return { infoHash, name, totalBytes, pieceLengthBytes, pieceCount, files };
}

function metadataOf({ metadata }: TorrentStats): object | null {
  return metadata === undefined ? null : { ...metadata, totalBytes: metadata.totalBytes ?? null };
}

/** `null`: no limit. */
function limitsOf({ limits }: TorrentStats): object {
  return {
    downLimitBytesPerSec: limits.downLimitBytesPerSec ?? null,
    upLimitBytesPerSec: limits.upLimitBytesPerSec ?? null,
    peerDownLimitBytesPerSec: limits.peerDownLimitBytesPerSec ?? null,
    peerUpLimitBytesPerSec: limits.peerUpLimitBytesPerSec ?? null,
  };
}

/** Listed one by one: the documented fields stay the same when the engine reports more. */
function progressOf(stats: TorrentStats): object {
  return {
    type: 'progress',
    phase: stats.phase,
    metadata: metadataOf(stats),
    doneBytes: stats.doneBytes,
    totalBytes: stats.totalBytes ?? null,
    piecesDone: stats.piecesDone,
    pieceCount: stats.pieceCount ?? null,
    piecesChecked: stats.piecesChecked,
    piecesToCheck: stats.piecesToCheck,
    piecesFailed: stats.piecesFailed,
    downloadedBytes: stats.downloadedBytes,
    uploadedBytes: stats.uploadedBytes,
    wastedBytes: stats.wastedBytes,
    downloadBytesPerSec: Math.round(stats.downloadBytesPerSec),
    uploadBytesPerSec: Math.round(stats.uploadBytesPerSec),
    etaSec: stats.etaSec === undefined ? null : Math.ceil(stats.etaSec),
    peers: stats.peers,
    addresses: stats.addresses,
    uploads: stats.uploads,
    memoryBytes: stats.memoryBytes,
    limits: limitsOf(stats),
    account: accountJson(stats.account),
  };
}
