// Files that are missing or were changed by other programs: their pieces are lost, and the torrent
// stops with an error that names the file.

import { join } from 'node:path';
import { advised } from '../../errors/millrace-error';
import type { ErrorRecord } from '../../errors/millrace-error';
import { meaningOf } from '../../errors/system-error';
import type { PeerFact } from '../../messages/peer-thread';
import type { Engine } from '../engine';
import type { FileChange } from './file-watch';
import { transfers } from '../torrent/life';
import { isKnown } from '../state';
import type { Content, KnownTorrent } from '../state';
import { failTorrent } from '../torrent/stopping';

type ReadFailed = Extract<PeerFact, { type: 'read-failed' }>;

/** Temporary shortages of the system: the file itself may be fine. */
const PASSING_ERRORS: ReadonlySet<string> = new Set([
  'EAGAIN',
  'EINTR',
  'EMFILE',
  'ENFILE',
  'ENOBUFS',
  'ENOMEM',
  'storage-closed',
]);

/** A peer thread could not read data to upload. */
export function onReadFailed(engine: Engine, fact: ReadFailed): void {
  const torrent = engine.state.torrents.get(fact.torrent);
  const { code, path, message } = fact;
  engine.log('warn', 'a file could not be read for upload', {
    torrent: torrent?.infoHash,
    code,
    path,
    error: message,
  });
  if (torrent === undefined || !isKnown(torrent) || PASSING_ERRORS.has(code)) return;
  // The fact may belong to a run that has ended: the next run will find the same.
  if (!transfers(torrent.life)) return;
  if (path !== undefined) loseFiles(torrent, new Set([path]));
  failTorrent(engine, torrent, unreadable(torrent, fact));
}

/**
 * What the user can do about a file that other programs took or changed. Every alternative works.
 */
function remedy({ options: { download } }: KnownTorrent, kind: FileChange['kind']): string {
  const again = download
    ? 'start the download again'
    : 'fetch it again by add() with the option download';
  const putBack = download ? '' : 'put it back, or ';
  switch (kind) {
    case 'replaced':
      return `${putBack}move that file away (or allow it to be overwritten, by the option adopt) and ${again}`;
    case 'grown':
      return `${putBack}${again}, with the option force to cut it`;
    case 'filled':
      return `move it away and ${again}`;
    case 'touched':
      return `stop that program, then ${again} to check what is there and fetch the rest`;
    case 'missing':
    case 'cut':
      return `${putBack}${again} to check what is there and fetch the rest`;
  }
}

function unreadable(torrent: KnownTorrent, { code, message, path }: ReadFailed): ErrorRecord {
  if (code === 'short-read') {
    const sentence = `in ${torrent.options.output} ${message}: it was removed or cut while it was served`;
    return advised('data-missing', sentence, remedy(torrent, 'cut')).toRecord();
  }
  const file = path === undefined ? 'the data' : join(torrent.options.output, path);
  return advised(
    'data-unreadable',
    `${file} cannot be read any more (${meaningOf(code) ?? message})`,
    `check the disk and the permissions, then ${remedy(torrent, 'cut')}`,
  ).toRecord();
}

/**
 * Another program touched files of a running torrent. A file that may still be right is read again
 * before completion is reported; any other change stops the torrent.
 */
export function onChanges(
  engine: Engine,
  torrent: KnownTorrent,
  changes: readonly FileChange[],
): void {
  const [first] = changes;
  if (!first) return;
  const fields = { torrent: torrent.infoHash, files: changes.length, ...first };
  engine.log('warn', 'another program touched files', fields);
  const paths = new Set(changes.map(({ path }) => path));
  for (const path of paths) torrent.content.watch?.doubtful.add(path);
  for (const piece of piecesOf(torrent.content, paths)) torrent.content.possession.doubt(piece);
  const worst = changes.find(({ kind }) => kind !== 'touched');
  // A check reads the files anyway. (A sync of the previous run may still end during it.)
  if (torrent.phase === 'checking') return;
  // What we only serve was just read: the first look or read that finds it gone reports that.
  if (worst && (torrent.options.download || torrent.completeSent))
    failChanged(engine, torrent, worst);
}

/** Drops all pieces of the files in doubt, and stops the torrent. */
export function failChanged(engine: Engine, torrent: KnownTorrent, change: FileChange): void {
  loseFiles(torrent, torrent.content.watch?.doubtful ?? new Set());
  const { kind, path } = change;
  const sentence = `${join(torrent.options.output, path)} ${WHAT_HAPPENED[kind]} while it was in use`;
  const code = kind === 'missing' ? 'data-missing' : 'data-changed';
  failTorrent(engine, torrent, advised(code, sentence, remedy(torrent, kind)).toRecord());
}

const WHAT_HAPPENED: Readonly<Record<FileChange['kind'], string>> = {
  missing: 'was removed or renamed',
  replaced: 'was replaced by another file',
  cut: 'was cut by another program',
  grown: 'became longer than the torrent says',
  filled: 'is empty in the torrent, and another program wrote to it',
  touched: 'is written to by another program again and again',
};

/** Drops the pieces of these files; the next run reads them again. */
export function loseFiles(torrent: KnownTorrent, paths: ReadonlySet<string>): void {
  for (const piece of piecesOf(torrent.content, paths))
    if (torrent.content.possession.lose(piece)) torrent.content.toCheck.set(piece);
}

function* piecesOf({ layout }: Content, paths: ReadonlySet<string>): Generator<number> {
  if (paths.size === 0) return;
  for (const [file, entry] of layout.files.entries()) {
    if (!paths.has(entry.path)) continue;
    const { first, end } = layout.piecesOfFile(file);
    for (let piece = first; piece < end; piece++) yield piece;
  }
}
