// PURE. The .torrent files that our tracker publishes by name, so that one URL is enough to join a
// torrent. They are kept in memory: no path of a request ever reaches a file system.

import { MillraceError } from '../errors/millrace-error';

/** Most published torrents: a share has one, a small cluster a few; a web server can serve more. */
const MAX_TORRENTS = 100;

/** Longest sum of all: the largest single .torrent that our own client fetches. */
const MAX_BYTES = 64 * 1024 * 1024;

const SUFFIX = '.torrent';

export class PublishedTorrents {
  private readonly torrents = new Map<string, Uint8Array>();
  private bytes = 0;

  /** Publishes a torrent; one with the same name is replaced. Throws `bad-option`. */
  put(name: string, torrent: Uint8Array): void {
    const named = typeof name === 'string' && /^[^/]+\.torrent$/s.test(name);
    if (!named || !(torrent instanceof Uint8Array)) {
      throw new MillraceError(
        'bad-option',
        `a published torrent is its bytes under a name like a file's, ending in ${SUFFIX}, not "${String(name)}"`,
      );
    }
    const before = this.torrents.get(name);
    const count = this.torrents.size + (before === undefined ? 1 : 0);
    const bytes = this.bytes + torrent.length - (before?.length ?? 0);
    if (count > MAX_TORRENTS || bytes > MAX_BYTES) {
      throw new MillraceError(
        'bad-option',
        `a tracker publishes at most ${MAX_TORRENTS} torrents of ${MAX_BYTES} bytes together`,
      );
    }
    this.bytes = bytes;
    this.torrents.set(name, torrent);
  }

  /** The torrent for the raw path of a request: `/NAME.torrent`, percent-encoded. */
  find(path: string): Uint8Array | undefined {
    if (this.torrents.size === 0 || !path.endsWith(SUFFIX)) return undefined;
    try {
      return this.torrents.get(decodeURIComponent(path.slice(1)));
    } catch {
      return undefined; // A broken escape.
    }
  }
}
