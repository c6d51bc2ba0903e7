// Reads and writes magnet links (BEP 9, BEP 53): the info hash of a torrent, with trackers and peers. A link is
// hostile text: every list in it is limited, and each parameter that is not used is noted with the reason.
import { parseHostPort } from '../address/host-port';
import { hostPort } from '../address/text';
import { asText, bytesOfKey, keyOf } from '../bencode/text';
import { fromBase32 } from '../bytes/base32';
import { bytesEqual } from '../bytes/compare';
import { fromHex, isSha1Hex, SHA1_HEX_DIGITS, toHex } from '../bytes/hex';
import { percentDecode, percentEncode } from '../bytes/percent';
import { MillraceError } from '../errors/millrace-error';
import { contentBytes } from './layout';
import { libtorrentPart } from './libtorrent-names';
import { MAX_FILES, MAX_TRACKERS, v2Unsupported } from './limits';
import type { Metainfo } from './metainfo';
import { nameFields } from './names';
import { brokenTrackerRule, MAX_URL_LENGTH } from './trackers';

/** Longest link: the most that Linux passes as one argument of a command, 128 KiB. */
export const MAX_MAGNET_CHARS = 128 * 1024;
/** Most peers of a link that are used. */
export const MAX_MAGNET_PEERS = 200;
/** Most web seeds of a link that are used. */
export const MAX_MAGNET_WEB_SEEDS = 100;
/** Most ranges of files in a link. */
export const MAX_MAGNET_RANGES = 1_000;
/** Longest name that is read: file systems store 255 bytes. */
const MAX_NAME_BYTES = 4_096;
/** Longest host name of a peer; DNS names have at most 253 characters. */
const MAX_HOST_CHARS = 255;
/** Ignored parameters that are listed; further ones are only counted. */
const MAX_IGNORED_KEPT = 20;
/** Characters of a listed parameter: enough to find it in the link. */
const MAX_IGNORED_CHARS = 200;

/** The bytes before the digest in a multihash, in hexadecimal: SHA-256, 32 bytes. */
const SHA256_MULTIHASH = '1220';

/** Files of a torrent by their index, from 0; `last` is included. */
export interface FileRange {
  readonly first: number;
  readonly last: number;
}

/** A parameter of a magnet link that is not used. */
export interface IgnoredParameter {
  /** Its name, such as `tr`. */
  readonly parameter: string;
  /** Its decoded value, up to 200 characters. Untrusted text that may contain a passkey. */
  readonly value: string;
  /** Why, worded to follow the value. */
  readonly reason: string;
}

/** A magnet link (BEP 9), checked. Plain data. */
export interface MagnetLink {
  /** `xt=urn:btih:`, the info hash: 20 raw bytes. */
  readonly infoHash: Uint8Array;
  /** `xt=urn:btmh:`, the hash of version 2, 32 raw bytes: the torrent is hybrid (BEP 52). */
  readonly infoHashV2?: Uint8Array;
  /**
   * `dn`, a name to show until the torrent's own is known, made safe like the name of a torrent.
   * Absent if the link has none.
   */
  readonly name?: string;
  /** The link's own name, if `name` differs from it; bytes as in `FileEntry.rawPath`. */
  readonly rawName?: string;
  /** `xl`: the length of all files together in bytes, as the link says. */
  readonly lengthBytes?: number;
  /** `tr`: URLs of trackers, at most 200. */
  readonly trackers: readonly string[];
  /** `x.pe`: addresses of peers, at most 200. */
  readonly peers: readonly { readonly host: string; readonly port: number }[];
  /** `ws`: http(s) URLs of web seeds (BEP 19), at most 100. Not used yet. */
  readonly webSeeds: readonly string[];
  /** `so`: the files to download (BEP 53), as ascending ranges that do not touch; absent: all. Not used yet. */
  readonly selection?: readonly FileRange[];
  /** Parameters that are not used, the first 20 of them; absent if none. */
  readonly ignored?: readonly IgnoredParameter[];
  /** Number of parameters that are not used; absent if none. */
  readonly ignoredCount?: number;
}

/**
 * Reads a magnet link. A parameter may have a number (`tr.1`); case does not matter in its name. Invalid
 * parameters and those beyond a limit are noted as ignored, but an invalid hash is an error.
 *
 * Throws `v2-unsupported` if the link has only a hash of version 2, `bad-magnet` if it has no info hash,
 * an invalid one, or two different ones.
 */
export function parseMagnet(text: string, platform = 'linux'): MagnetLink {
  if (text.length > MAX_MAGNET_CHARS)
    throw badMagnet(`it has ${text.length} characters, at most ${MAX_MAGNET_CHARS} are read`);
  const link = text.trim();
  if (!/^magnet:\?/i.test(link)) throw badMagnet('it does not begin with "magnet:?"');
  const reader = new MagnetReader(platform);
  for (const parameter of link.slice('magnet:?'.length).split('&')) reader.add(parameter);
  return reader.link();
}

class MagnetReader {
  private readonly platform: string;
  private infoHash: Uint8Array | undefined;
  private infoHashV2: Uint8Array | undefined;
  private hasV2 = false;
  private name: Pick<MagnetLink, 'name' | 'rawName'> | undefined;
  private lengthBytes: number | undefined;
  private selection: readonly FileRange[] | undefined;
  private readonly trackers = new Set<string>();
  private readonly webSeeds = new Set<string>();
  /** By their text, without duplicates. */
  private readonly peers = new Map<string, MagnetLink['peers'][number]>();
  private readonly ignored: IgnoredParameter[] = [];
  private ignoredCount = 0;

  constructor(platform: string) {
    this.platform = platform;
  }

  link(): MagnetLink {
    if (this.infoHash === undefined) {
      throw this.hasV2
        ? v2Unsupported('magnet link')
        : badMagnet('it has no "xt=urn:btih:" with the info hash of a torrent');
    }
    return {
      infoHash: this.infoHash,
      ...(this.infoHashV2 && { infoHashV2: this.infoHashV2 }),
      ...this.name,
      ...(this.lengthBytes !== undefined && { lengthBytes: this.lengthBytes }),
      trackers: [...this.trackers],
      peers: [...this.peers.values()],
      webSeeds: [...this.webSeeds],
      ...(this.selection && { selection: this.selection }),
      ...(this.ignoredCount > 0 && { ignored: this.ignored, ignoredCount: this.ignoredCount }),
    };
  }

  add(parameter: string): void {
    if (parameter === '') return;
    const equals = parameter.indexOf('=');
    const written = equals < 0 ? parameter : parameter.slice(0, equals);
    const value = equals < 0 ? '' : parameter.slice(equals + 1);
    // A link that was copied out of a page's source has `&amp;` between its parameters.
    const key = written
      .toLowerCase()
      .replace(/^amp;/, '')
      .replace(/\.\d+$/, '');
    const text = asText(percentDecode(value)).trim();
    const reason = this.use(key, text, value);
    if (reason === undefined) return;
    this.ignoredCount++;
    if (this.ignored.length === MAX_IGNORED_KEPT) return;
    const kept = text.slice(0, MAX_IGNORED_CHARS);
    this.ignored.push({ parameter: key.slice(0, MAX_IGNORED_CHARS), value: kept, reason });
  }

  /** Uses a parameter, or returns why it is ignored. */
  private use(key: string, text: string, value: string): string | undefined {
    switch (key) {
      case 'xt':
        return this.addTopic(text);
      case 'dn':
        // Only in names: in a URL, a plus sign stands for itself.
        return this.addName(keyOf(percentDecode(value.replaceAll('+', ' '))));
      case 'tr':
        return addTo(this.trackers, text, MAX_TRACKERS, brokenTrackerRule(text));
      case 'ws':
        return addTo(this.webSeeds, text, MAX_MAGNET_WEB_SEEDS, brokenWebSeedRule(text));
      case 'x.pe':
        return this.addPeer(text);
      case 'xl':
        return this.addLength(text);
      case 'so':
        return this.addSelection(text);
      default:
        return 'Millrace does not know it';
    }
  }

  private addTopic(text: string): string | undefined {
    const [, kind = '', hash = ''] = /^urn:(bt[im]h):(.*)$/is.exec(text) ?? [];
    switch (kind.toLowerCase()) {
      case 'btih':
        this.infoHash = theOnly(this.infoHash, infoHashOf(hash));
        return undefined;
      case 'btmh': {
        this.hasV2 = true;
        const digest = multihashOf(hash);
        if (digest === undefined) return `it is not "${SHA256_MULTIHASH}" and 64 hex digits`;
        this.infoHashV2 = theOnly(this.infoHashV2, digest);
        return undefined;
      }
      default:
        return 'it is no hash of a torrent';
    }
  }

  private addName(rawName: string): string | undefined {
    if (this.name !== undefined) return 'another name comes first';
    if (rawName === '') return 'it is empty';
    if (rawName.length > MAX_NAME_BYTES) return `it is longer than ${MAX_NAME_BYTES} bytes`;
    const name = libtorrentPart(rawName, this.platform);
    if (name === undefined) return 'it has no character that a name may have';
    this.name = nameFields(name, rawName);
    return undefined;
  }

  private addPeer(text: string): string | undefined {
    const { host = '', port } = parseHostPort(text) ?? {};
    if (port === undefined || host.length > MAX_HOST_CHARS)
      return 'it is not HOST:PORT or [IPV6]:PORT with a port from 1 to 65535';
    if (this.peers.size === MAX_MAGNET_PEERS) return `${MAX_MAGNET_PEERS} others come first`;
    this.peers.set(hostPort(host, port), { host, port });
    return undefined;
  }

  private addLength(text: string): string | undefined {
    if (this.lengthBytes !== undefined) return 'another length comes first';
    const length = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
    if (!Number.isSafeInteger(length)) return 'it is no whole number from 0 to 2^53 − 1';
    this.lengthBytes = length;
    return undefined;
  }

  private addSelection(text: string): string | undefined {
    if (this.selection !== undefined) return 'another selection comes first';
    const ranges = rangesOf(text);
    if (typeof ranges === 'string') return ranges;
    this.selection = ranges;
    return undefined;
  }
}

/** Returns the hash if the link has none yet, or the same one: a link may repeat it in another form. */
function theOnly(present: Uint8Array | undefined, hash: Uint8Array): Uint8Array {
  if (present === undefined || bytesEqual(present, hash)) return hash;
  throw badMagnet('it names two torrents: its hashes differ');
}

function infoHashOf(text: string): Uint8Array {
  if (isSha1Hex(text)) return fromHex(text);
  const hash = text.length === BASE32_DIGITS ? fromBase32(text) : undefined;
  if (hash !== undefined) return hash;
  throw badMagnet(
    `"xt=urn:btih:" must be followed by an info hash of ${SHA1_HEX_DIGITS} hexadecimal or ${BASE32_DIGITS} base32 digits`,
  );
}

/** Base32 digits of an info hash: 20 × 8 / 5. */
const BASE32_DIGITS = 32;

/** The digest in a multihash in hexadecimal, of the only kind that BEP 52 uses. */
function multihashOf(text: string): Uint8Array | undefined {
  return text.startsWith(SHA256_MULTIHASH) && /^[0-9a-f]{68}$/i.test(text)
    ? fromHex(text.slice(SHA256_MULTIHASH.length))
    : undefined;
}

/** Adds a URL, or returns why it is ignored. */
function addTo(
  urls: Set<string>,
  url: string,
  most: number,
  broken: string | undefined,
): string | undefined {
  if (broken !== undefined || urls.has(url)) return broken;
  if (urls.size === most) return `${most} others come first`;
  urls.add(url);
  return undefined;
}

function brokenWebSeedRule(url: string): string | undefined {
  if (url.length > MAX_URL_LENGTH) return `it is longer than ${MAX_URL_LENGTH} characters`;
  return /^https?:\/\/[^/?#\s\p{Cc}][^\s\p{Cc}]*$/iu.test(url)
    ? undefined
    : 'it is no http:// or https:// URL';
}

/** `0,2,4-6` as ascending ranges that do not touch, or why it is invalid. */
function rangesOf(text: string): FileRange[] | string {
  const parts = text.split(',', MAX_MAGNET_RANGES + 1);
  if (parts.length > MAX_MAGNET_RANGES) return `it has more than ${MAX_MAGNET_RANGES} ranges`;
  const ranges: FileRange[] = [];
  for (const part of parts) {
    const [, from = '', to = from] = /^(\d{1,7})(?:-(\d{1,7}))?$/.exec(part) ?? [];
    const [first, last] = [Number(from), Number(to)];
    if (from === '' || last < first) return 'it is no list of file numbers such as 0,2,4-6';
    if (last >= MAX_FILES) return `a torrent has at most ${MAX_FILES} files`;
    ranges.push({ first, last });
  }
  ranges.sort((a, b) => a.first - b.first);
  const joined: FileRange[] = [];
  for (const range of ranges) {
    const before = joined.at(-1);
    if (before === undefined || before.last + 1 < range.first) joined.push(range);
    else
      joined[joined.length - 1] = {
        first: before.first,
        last: Math.max(before.last, range.last),
      };
  }
  return joined;
}

/** The link in its canonical form, from which `parseMagnet` reads the same. Ignored parameters are left out. */
export function formatMagnet(link: MagnetLink): string {
  const { infoHash, infoHashV2, name, rawName = name, lengthBytes, selection } = link;
  const parameters = [`xt=urn:btih:${toHex(infoHash)}`];
  const add = (key: string, value: string): void => void parameters.push(`${key}=${value}`);
  const encoded = (text: string): string => percentEncode(bytesOfKey(text));
  if (infoHashV2) add('xt', `urn:btmh:${SHA256_MULTIHASH}${toHex(infoHashV2)}`);
  if (rawName !== undefined) add('dn', encoded(rawName));
  if (lengthBytes !== undefined) add('xl', String(lengthBytes));
  for (const url of link.trackers) add('tr', encoded(url));
  for (const url of link.webSeeds) add('ws', encoded(url));
  // The next two are not escaped, because some clients read them without decoding.
  for (const { host, port } of link.peers)
    add('x.pe', encoded(hostPort(host, port)).replaceAll(/%(3A|5B|5D)/g, decodeURIComponent));
  if (selection)
    add(
      'so',
      selection.map(({ first, last }) => (first === last ? first : `${first}-${last}`)).join(','),
    );
  return `magnet:?${parameters.join('&')}`;
}

/** Characters for trackers in a link to a torrent, if each of them had to be escaped. */
const MAX_TRACKER_CHARS = (3 / 4) * MAX_MAGNET_CHARS;

/** The link to a torrent: its hashes, name, length, and as many trackers as fit. */
export function magnetOf(metainfo: Metainfo): MagnetLink {
  const { infoHash, infoHashV2, name, rawName = name } = metainfo;
  const trackers = new Set<string>();
  let roomChars = MAX_TRACKER_CHARS;
  for (const url of metainfo.trackers.flat()) {
    roomChars -= 3 * url.length;
    if (roomChars < 0) break;
    trackers.add(url);
  }
  return {
    infoHash,
    ...(infoHashV2 && { infoHashV2 }),
    ...(rawName.length > MAX_NAME_BYTES ? { name } : nameFields(name, rawName)),
    lengthBytes: contentBytes(metainfo),
    trackers: [...trackers],
    peers: [],
    webSeeds: [],
  };
}

function badMagnet(rule: string): MillraceError {
  return new MillraceError('bad-magnet', `bad magnet link: ${rule}`, { rule });
}
