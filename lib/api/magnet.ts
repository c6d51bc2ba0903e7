// Magnet links for embedders: reads and writes them, and distinguishes them from other sources.

import { toHex } from '../bytes/hex';
import { recordOf } from '../errors/millrace-error';
import type { AddRequest } from '../messages/control';
import { formatMagnet as format, magnetOf, parseMagnet } from '../metainfo/magnet';
import type { MagnetLink } from '../metainfo/magnet';
import type { Metainfo } from '../metainfo/metainfo';
import { isMagnet } from '../text/source-kind';
import { badOption, checkValue, isObject, wrong } from './checks';
import type { Check } from './checks';
import { metainfoRecord, readTorrent } from './sources';
import type { ReadOptions, TorrentSource } from './sources';

/** A magnet link (BEP 9): its text, also as a `URL`, or a result of `readMagnet`. */
export type MagnetSource = string | URL | MagnetLink;

/**
 * Reads a magnet link (BEP 9) without network access. Parameters that Millrace does not use are listed
 * in `ignored`.
 *
 * @throws MillraceError `bad-magnet` (the link has no usable info hash; the message names the broken
 * rule); `v2-unsupported` (it has only a hash of version 2, BEP 52); `bad-option` (not a link).
 */
export function readMagnet(link: MagnetSource): MagnetLink {
  return checkValue('link', () => link, magnetLink);
}

/**
 * The magnet link of a torrent, in canonical form: its hashes, name, length and trackers. Tracker URLs
 * may contain passkeys. Of a link that was read, ignored parameters are left out.
 *
 * @throws MillraceError `bad-option`.
 */
export function formatMagnet(torrent: Metainfo | MagnetLink): string {
  const of: Check<MagnetLink> = (name, value) =>
    isObject(value) && 'pieceHashes' in value
      ? magnetOf(metainfoRecord(name, value))
      : magnetLink(name, value);
  return format(checkValue('torrent', () => torrent, of));
}

/** The torrent, or the magnet link, that a source contains. */
type Found = Pick<AddRequest, 'infoHash' | 'name' | 'trackers' | 'metainfo' | 'peers'>;

/** Reads a torrent or a magnet link. Throws as `readTorrent` and `readMagnet`. */
export async function findTorrent(
  source: TorrentSource | MagnetLink,
  options: ReadOptions = {},
): Promise<Found> {
  const link = checkValue('source', () => source, linkIfAny);
  if (link !== undefined) {
    const { infoHash, name = toHex(infoHash), peers } = link;
    const trackers = link.trackers.map((url) => [url]);
    return { infoHash, name, trackers, metainfo: undefined, peers };
  }
  const metainfo = await readTorrent(source as TorrentSource, options);
  const { infoHash, name, trackers } = metainfo;
  return { infoHash, name, trackers, metainfo, peers: [] };
}

/** Undefined if the value is not a magnet link of any type. */
const linkIfAny: Check<MagnetLink | undefined> = (name, value) => {
  const isLink = isText(value) ? isMagnet(String(value)) : isObject(value) && 'webSeeds' in value;
  return isLink ? magnetLink(name, value) : undefined;
};

const magnetLink: Check<MagnetLink> = (name, value) => {
  if (isText(value)) return parseMagnet(String(value), process.platform);
  if (!isObject(value)) throw wrong(name, 'a magnet link, or what readMagnet returned', value);
  // It may have been stored or changed, so it is checked again.
  let link: MagnetLink;
  try {
    link = parseMagnet(format(value as unknown as MagnetLink), process.platform);
  } catch (error) {
    throw badOption(name, `must be what readMagnet returned: ${recordOf(error).message}`);
  }
  const [odd] = link.ignored ?? [];
  if (odd === undefined) return link;
  throw badOption(name, `must be what readMagnet returned: in ${odd.parameter}, ${odd.reason}`);
};

function isText(value: unknown): value is string | URL {
  return typeof value === 'string' || value instanceof URL;
}
