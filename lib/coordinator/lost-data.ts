// Files that were there and are not, or not as they were left: their pieces are lost, and the torrent
// stops with an error that names the file.

import type { ErrorRecord } from '../errors/millrace-error';
import type { PeerFact } from '../messages/peer-thread';
import { pathOf } from '../metainfo/paths';
import { losePiece } from './checking';
import type { Engine } from './engine';
import { failTorrent } from './phases';
import type { TorrentState } from './state';

type ReadFailed = Extract<PeerFact, { type: 'read-failed' }>;

/** The system lacks something for the moment: the file itself may be fine. */
const PASSING_ERRORS: ReadonlySet<string> = new Set([
  'EAGAIN',
  'EINTR',
  'EMFILE',
  'ENFILE',
  'ENOBUFS',
  'ENOMEM',
  'storage-closed',
]);

/** A peer thread could not read what it was to serve. */
export function onReadFailed(engine: Engine, fact: ReadFailed): void {
  const torrent = engine.state.torrents.get(fact.torrent);
  const { code, path } = fact;
  engine.log('warn', 'a file could not be read for upload', { ...fact });
  if (torrent === undefined || PASSING_ERRORS.has(code)) return;
  // Of a run that has ended; what it found will be found again.
  if (torrent.phase !== 'downloading' && torrent.phase !== 'seeding') return;
  if (path !== undefined) loseFile(torrent, path);
  failTorrent(engine, torrent, unreadable(torrent, fact));
}

/** What can be done about a file that other programs took or changed. */
function remedy({ download }: TorrentState): string {
  return download
    ? 'start the download again to check what is there and fetch the rest'
    : 'put it back, or fetch it again with `millrace download`';
}

function unreadable(torrent: TorrentState, { code, message, path }: ReadFailed): ErrorRecord {
  if (code === 'short-read') {
    return {
      code: 'data-missing',
      message: `in ${torrent.output} ${message}: it was removed or cut while it was served; ${remedy(torrent)}`,
    };
  }
  const file = path === undefined ? 'the data' : `${torrent.output}/${path}`;
  return {
    code: 'data-unreadable',
    message: `${file} cannot be read any more (${message}); check the disk and the permissions, then ${remedy(torrent)}`,
  };
}

/** No piece of the file is had any more; the next run reads again what is there. */
export function loseFile(torrent: TorrentState, path: string): void {
  const { metainfo, geometry, toCheck } = torrent;
  for (const [file, entry] of metainfo.files.entries()) {
    if (pathOf(entry) !== path) continue;
    const { first, end } = geometry.piecesOfFile(file);
    for (let piece = first; piece < end; piece++) {
      if (losePiece(torrent, piece)) toCheck.set(piece);
    }
  }
}
