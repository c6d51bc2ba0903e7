// Formats the lines about a transfer. Pure.

import type { CloseCounts, CloseReason, Metainfo, TorrentEvents, TorrentStats } from '../../index';
import type { EncryptedOnly } from '../transfer/encrypted-peers';
import type { PeerEnds, Place, Summary } from '../transfer/report';
import { hostPort } from '../../address/text';
import { plural } from '../../text/counts';
import { formatBytes, formatDuration, formatPercent, formatRate } from '../../text/quantities';
import { contentBytesOf } from './content';
import { printable } from './text';

type Tracker = TorrentEvents['tracker'][0];
type PeerClosed = TorrentEvents['peerClosed'][0];

export function beginLine(metainfo: Metainfo, { folder, port }: Place): string {
  const { name, files, pieceCount, pieceLengthBytes } = metainfo;
  const listening = port === undefined ? '' : `; listening on port ${port}`;
  return printable(
    `${name}: ${formatBytes(contentBytesOf(metainfo))} in ${plural(files.length, 'file')}, ` +
      `${plural(pieceCount, 'piece')} of ${formatBytes(pieceLengthBytes)}; folder ${folder}${listening}`,
  );
}

/** Reports tracker URLs that are not used; undefined if all are used. */
export function ignoredTrackersLine(
  { ignoredTrackers, ignoredTrackerCount = 0 }: Metainfo,
  showUrl: (url: string) => string,
): string | undefined {
  const first = ignoredTrackers?.[0];
  if (first === undefined) return undefined;
  const others = ignoredTrackerCount - 1;
  const more = others > 0 ? `, and ${plural(others, 'other')}: \`millrace info\` lists them` : '';
  return printable(`tracker URL not used: ${showUrl(first.url)} (${first.reason})${more}`);
}

/** Progress of a phase, from 0 to 1. */
export function shareOf(stats: TorrentStats): number {
  const { metadata, totalBytes = 0 } = stats;
  if (metadata !== undefined)
    return metadata.totalBytes === undefined ? 0 : metadata.receivedBytes / metadata.totalBytes;
  const [part, whole] =
    stats.phase === 'checking'
      ? [stats.piecesChecked, stats.piecesToCheck]
      : [stats.doneBytes, totalBytes];
  if (whole > 0) return part / whole;
  return stats.phase === 'checking' ? 0 : 1;
}

/** `staysOn`: whether the command continues to serve after completion. */
export function progressLine(stats: TorrentStats, staysOn: boolean): string {
  const peers = plural(stats.peers.connected, 'peer');
  const { totalBytes = 0 } = stats;
  switch (stats.phase) {
    case 'metadata':
      return metadataLine(stats);
    case 'checking': {
      const { piecesChecked, piecesToCheck } = stats;
      if (piecesToCheck === 0) return 'checking existing data';
      return `checking existing data: ${formatPercent(piecesChecked, piecesToCheck)} of ${plural(piecesToCheck, 'piece')}`;
    }
    case 'downloading': {
      const done = `${formatPercent(stats.doneBytes, totalBytes)} of ${formatBytes(totalBytes)}`;
      const eta = stats.etaSec === undefined ? 'unknown' : formatDuration(stats.etaSec);
      return `${done}, ${formatRate(stats.downloadBytesPerSec)}, ${peers}, ETA ${eta}`;
    }
    case 'complete':
      return `100.0 % of ${formatBytes(totalBytes)}`;
    case 'seeding':
      if (!staysOn) return `100.0 % of ${formatBytes(totalBytes)}`;
      return `seeding: ${formatRate(stats.uploadBytesPerSec)} up, ${formatBytes(stats.uploadedBytes)} uploaded, ${peers}`;
    case 'paused':
    case 'failed':
    case 'closed':
      if (stats.metadata !== undefined)
        return `${stats.phase}: what the torrent holds is not known yet`;
      return `${stats.phase}: ${formatPercent(stats.doneBytes, totalBytes)} of ${formatBytes(totalBytes)}`;
  }
}

function metadataLine({ metadata, peers }: TorrentStats): string {
  const connected = plural(peers.connected, 'peer');
  if (metadata?.totalBytes === undefined) return `looking for metadata: ${connected}`;
  const done = `${formatPercent(metadata.receivedBytes, metadata.totalBytes)} of ${formatBytes(metadata.totalBytes)}`;
  return `fetching metadata: ${done}, ${metadata.peers} of ${connected} ${metadata.peers === 1 ? 'has' : 'have'} it`;
}

/** True if a reply explains why nothing happens: there are no sources, and no peer is connected. */
export function isDeadEnd({ ok, peers, seeds }: Tracker, stats: TorrentStats): boolean {
  // Trackers may list us, so a positive peer count with 0 seeds can still mean that there is no
  // source.
  const nobody = peers === 0 || seeds === 0;
  const wanting = ['metadata', 'checking', 'downloading'].includes(stats.phase);
  return ok && nobody && wanting && stats.peers.connected === 0;
}

/**
 * The tracker's text is shown verbatim, without control characters. Of its URL only the host is
 * shown: the rest may contain a passkey, and users paste such lines into reports.
 */
export function trackerLine(event: Tracker, showSecrets = false): string {
  const { ok, message, peers, seeds, nextAnnounceSec } = event;
  const host = showSecrets ? event.url : hostOf(event.url);
  const next =
    nextAnnounceSec === undefined ? '' : `; next announce in ${formatDuration(nextAnnounceSec)}`;
  if (!ok) return printable(`tracker failed: ${message ?? 'no reason given'}${next} (${host})`);
  const warning = message === undefined ? '' : `; warning: ${message}`;
  // A reply without a count of seeds counts as none.
  const counts = `${plural(peers, 'peer')}, ${plural(seeds ?? 0, 'seed')}`;
  return printable(`tracker answered, ${counts}${next}${warning} (${host})`);
}

function hostOf(url: string): string {
  if (URL.canParse(url)) return new URL(url).host;
  // An invalid URL (its port is too high, …): still show only the part where a host would be.
  return /^(?:[a-z]+:\/\/)?(?:[^/?#]*@)?([^/?#]*)/i.exec(url)?.[1] ?? '';
}

export function peerClosedLine(
  { host, port, reason, detail }: PeerClosed,
  reasons: Readonly<Record<CloseReason, string>>,
): string {
  const what = detail === '' ? '' : ` (${detail})`;
  return printable(`peer ${hostPort(host, port)}: ${reasons[reason]}${what}`);
}

/**
 * Formats `peers closed: 12 (remote-closed 9, bad-bitfield 3); refused: 1 (…)`; undefined if there
 * were none.
 */
export function peerEndsLine({ closed, rejected }: PeerEnds): string | undefined {
  const parts: string[] = [];
  if (totalOf(closed) > 0) parts.push(`peers closed: ${countsText(closed)}`);
  if (totalOf(rejected) > 0) parts.push(`refused: ${countsText(rejected)}`);
  return parts.length === 0 ? undefined : parts.join('; ');
}

/** Most peers listed in a line; `--json` lists all. */
const MAX_NAMED = 5;

/**
 * Formats `3 of 5 peers seem to speak only encrypted connections, …: A, B, C`; undefined if there
 * is none.
 */
export function encryptedOnlyLine({ peers, reached }: EncryptedOnly): string | undefined {
  if (peers.length === 0) return undefined;
  const rest = peers.length > MAX_NAMED ? ` and ${peers.length - MAX_NAMED} more` : '';
  const verb = peers.length === 1 ? 'seems' : 'seem';
  const who = `${peers.length} of ${plural(reached, 'peer')} ${verb} to speak only encrypted connections`;
  return printable(
    `${who}, which Millrace does not do yet: ${peers.slice(0, MAX_NAMED).join(', ')}${rest}`,
  );
}

function countsText(counts: CloseCounts): string {
  const most = Object.entries(counts).sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
  return `${totalOf(counts)} (${most.map(([reason, count]) => `${reason} ${count}`).join(', ')})`;
}

export function totalOf(counts: CloseCounts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

export function pieceFailedLine({ piece, banned }: TorrentEvents['pieceFailed'][0]): string {
  const who = banned.length > 0 ? `; banned for wrong bytes: ${banned.join(', ')}` : '';
  return printable(`piece ${piece} failed its hash check and is fetched again${who}`);
}

/** Bytes, seconds and MiB/s. */
export function summaryLine({ name, totalBytes, downloadedBytes, elapsedSec }: Summary): string {
  const seconds = `${elapsedSec.toFixed(1)} s`;
  const whole = `done: ${name}, ${totalBytes} bytes (${formatBytes(totalBytes)}) verified and on disk`;
  if (downloadedBytes === 0) return printable(`${whole}; nothing to download, ${seconds}`);
  const rate = downloadedBytes / (1024 * 1024) / Math.max(elapsedSec, 0.001);
  const received = `${downloadedBytes} bytes (${formatBytes(downloadedBytes)})`;
  return printable(`${whole}; downloaded ${received} in ${seconds}, ${rate.toFixed(1)} MiB/s`);
}
