// Where a torrent comes from: a path, a URL, bytes, or an already parsed record.

import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { unlessStopped } from '../async/on-abort';
import { MillraceError } from '../errors/millrace-error';
import { parseMetainfo } from '../metainfo/parse';
import { whyNotMetainfo } from '../metainfo/record';
import type { Metainfo } from '../metainfo/metainfo';
import type * as fetching from '../http/fetch-torrent';
import { badOption, checkOptions, checkValue, isObject, signal, wrong } from './checks';
import type { Check } from './checks';
import { notATorrent } from './not-a-torrent';
import type { Origin } from './not-a-torrent';
import { readTorrentFile, unreadable } from './torrent-file';
import { VERSION } from './version';

/**
 * A .torrent's path, its http(s) or file URL, its bytes, or what `readTorrent` returned. A `URL`
 * object or its text.
 */
export type TorrentSource = string | URL | Uint8Array | Metainfo;

/**
 * Reads and checks a .torrent without starting an engine.
 *
 * @throws MillraceError `torrent-unreadable` (file, or a source that is none: a magnet link, an info
 *   hash); `torrent-unreachable`, `torrent-timeout`, `torrent-http-status`, `torrent-bad-reply`,
 *   `torrent-unsupported`, `torrent-forbidden` (URL); `bad-bencode` or `bad-metainfo` (content, naming
 *   the rule, or what it looks like: `details.looksLike`);
 *   `bad-option` (`source` is of another type); the reason of `signal`.
 */
export async function readTorrent(
  source: TorrentSource,
  options: { readonly signal?: AbortSignal } = {},
): Promise<Metainfo> {
  const { signal: stop } = checkOptions('readTorrent', options, { signal });
  const checked = checkValue('source', () => source, torrentSource);
  if (typeof checked === 'object' && !(checked instanceof Uint8Array)) return checked;
  stop?.throwIfAborted();
  const { bytes, ...origin } = await contentOf(checked, stop).catch((error: unknown) => {
    stop?.throwIfAborted(); // Then that is the reason, whatever it broke.
    throw error;
  });
  try {
    return parseMetainfo(bytes, sha1, process.platform);
  } catch (error) {
    throw notATorrent(error, bytes, origin);
  }
}

function sha1(bytes: Uint8Array): Uint8Array {
  return createHash('sha1').update(bytes).digest();
}

/** A URL becomes text, everything else stays what it is. */
const torrentSource: Check<string | Uint8Array | Metainfo> = (name, value) => {
  if (value instanceof Uint8Array) return value;
  if (value instanceof URL) return value.href;
  if (typeof value === 'string') return value;
  if (isObject(value) && 'infoHash' in value) return metainfoRecord(name, value);
  throw wrong(name, 'a .torrent (its path, URL or bytes) or what readTorrent returned', value);
};

/** What `readTorrent` returned: plain data, which may have crossed threads or been stored in between. */
export const metainfoRecord: Check<Metainfo> = (name, value) => {
  if (!isObject(value)) throw wrong(name, 'what readTorrent returned', value);
  const why = whyNotMetainfo(value, process.platform);
  if (why === undefined) return value as Metainfo;
  throw badOption(name, `must be what readTorrent returned, but ${why}`);
};

interface Content extends Origin {
  readonly bytes: Uint8Array;
}

async function contentOf(text: string | Uint8Array, stop?: AbortSignal): Promise<Content> {
  if (text instanceof Uint8Array) return { bytes: text };
  if (text.trim() === '') {
    throw new MillraceError(
      'torrent-unreadable',
      'the torrent is named by nothing: give the path or URL of a .torrent file',
    );
  }
  if (/^https?:/i.test(text)) {
    // Node's http is slow to load.
    const web = require('../http/fetch-torrent') as typeof fetching;
    return { ...(await web.fetchTorrent(text, { version: VERSION, signal: stop })), url: text };
  }
  const path = pathOf(text);
  return { bytes: await unlessStopped(readTorrentFile(path, stop), stop), path };
}

/** A path, or what a file URL names. Throws `torrent-unreadable` for other schemes. */
function pathOf(text: string): string {
  const scheme =
    /^([a-z][a-z\d+.-]+):(?=\/\/)/i.exec(text)?.[1] ?? /^(file|magnet):/i.exec(text)?.[1];
  switch (scheme?.toLowerCase()) {
    case undefined:
      return text;
    case 'file':
      try {
        return fileURLToPath(text);
      } catch (error) {
        const { message } = error as Error;
        throw unreadable(text, `${message}; write file:///PATH with an absolute path`);
      }
    case 'magnet':
      throw new MillraceError(
        'torrent-unreadable',
        'magnet links are not supported yet: pass a .torrent file or its http(s) URL',
      );
    default:
      throw unreadable(text, 'its URL must begin with http://, https:// or file://');
  }
}
