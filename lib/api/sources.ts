// Where a torrent comes from: a path, a URL, bytes, or already parsed metainfo.

import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { unlessStopped } from '../async/on-abort';
import { bytesEqual } from '../bytes/compare';
import { MillraceError, advised } from '../errors/millrace-error';
import { parseMetainfo } from '../metainfo/parse';
import type { Digest } from '../metainfo/parse';
import { whyNotMetainfo } from '../metainfo/record';
import type { Metainfo } from '../metainfo/metainfo';
import { bindingTo } from '../transport/binding';
import type * as fetching from '../http/fetch-torrent';
import { badOption, checkOptions, checkValue, isObject, signal, wrong } from './checks';
import type { Check } from './checks';
import { notATorrent } from './not-a-torrent';
import type { Origin } from './not-a-torrent';
import { readTorrentFile, unreadable } from './torrent-file';
import { bindOption } from './network-options';
import { VERSION } from './version';

/**
 * The path of a .torrent; its http(s) or file URL, as text or as a `URL`; its bytes; or a result of
 * `readTorrent`.
 */
export type TorrentSource = string | URL | Uint8Array | Metainfo;

/** Options of `readTorrent`. */
export interface ReadOptions {
  readonly signal?: AbortSignal | undefined;
  /**
   * An own address or an interface: connections to a web server are bound to it, as by `bind` of
   * `Coordinator.start`. Default: the system chooses.
   */
  readonly bind?: string | undefined;
}

/**
 * Reads and checks a .torrent without starting an engine.
 *
 * @throws MillraceError `torrent-unreadable` (a file, or a source that is no .torrent: a magnet
 * link, an info hash); `torrent-unreachable`, `torrent-timeout`, `torrent-http-status`,
 * `torrent-bad-reply`, `torrent-unsupported`, `torrent-forbidden` (a URL); `bad-bencode` or
 * `bad-metainfo` (the content: the message names the broken rule, or `details.looksLike` the kind
 * of file); `bad-option` (`source` has another type); the reason of `signal`.
 */
export async function readTorrent(
  source: TorrentSource,
  options: ReadOptions = {},
): Promise<Metainfo> {
  const { signal: stop, bind } = checkOptions('readTorrent', options, { signal, bind: bindOption });
  const checked = checkValue('source', () => source, torrentSource);
  if (typeof checked === 'object' && !(checked instanceof Uint8Array)) return checked;
  stop?.throwIfAborted();
  const { bytes, ...origin } = await contentOf(checked, stop, bind).catch((error: unknown) => {
    stop?.throwIfAborted(); // The abort caused whatever else failed.
    throw error;
  });
  try {
    return parseMetainfo(bytes, digest, process.platform);
  } catch (error) {
    throw notATorrent(error, bytes, origin);
  }
}

export const digest: Digest = (bytes, algorithm) => createHash(algorithm).update(bytes).digest();

/** Turns a `URL` into text, and leaves all else unchanged. */
const torrentSource: Check<string | Uint8Array | Metainfo> = (name, value) => {
  if (value instanceof Uint8Array) return value;
  if (value instanceof URL) return value.href;
  if (typeof value === 'string') return value;
  if (isObject(value) && 'infoHash' in value) return metainfoRecord(name, value);
  throw wrong(name, 'a .torrent (its path, URL or bytes) or what readTorrent returned', value);
};

/** A result of `readTorrent`: plain data, which may have been stored or sent to another thread. */
export const metainfoRecord: Check<Metainfo> = (name, value) => {
  if (!isObject(value)) throw wrong(name, 'what readTorrent returned', value);
  const why = whyNotMetainfo(value, process.platform) ?? whyNotInfo(value as Metainfo);
  if (why === undefined) return value as Metainfo;
  throw badOption(name, `must be what readTorrent returned, but ${why}`);
};

/** Otherwise peers would be sent metadata that does not match the info hash. */
function whyNotInfo({ infoHash, infoBytes }: Metainfo): string | undefined {
  if (infoBytes === undefined || bytesEqual(digest(infoBytes, 'sha1'), infoHash)) return undefined;
  return 'has infoBytes of another infoHash';
}

interface Content extends Origin {
  readonly bytes: Uint8Array;
}

async function contentOf(
  text: string | Uint8Array,
  stop: AbortSignal | undefined,
  bind: string | undefined,
): Promise<Content> {
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
    const own = bind === undefined ? undefined : bindingTo(bind);
    const fetched = await web.fetchTorrent(text, { version: VERSION, own, signal: stop });
    return { ...fetched, url: text };
  }
  const path = pathOf(text);
  return { bytes: await unlessStopped(readTorrentFile(path, stop), stop), path };
}

/** Returns a path, or the path of a file URL. Throws `torrent-unreadable` for other schemes. */
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
      throw advised(
        'torrent-unreadable',
        'a magnet link does not say what the torrent holds',
        'pass a .torrent file or its http(s) URL, or get it from peers with add()',
      );
    default:
      throw unreadable(text, 'its URL must begin with http://, https:// or file://');
  }
}
