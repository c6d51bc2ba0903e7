// Torrents for specs: bytes that look random and are the same on every run, their metainfo, and the
// comparison with the downloaded files.

import { createCipheriv, createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { KIB, MIB } from '../../lib/bytes/lengths';
import { encode } from '../../lib/bencode/encode';
import { buildMetainfo } from '../../lib/metainfo/create';
import type { Metainfo } from '../../lib/metainfo/metainfo';
import { parseMetainfo } from '../../lib/metainfo/parse';

export { KIB, MIB } from '../../lib/bytes/lengths';

export interface PayloadOptions {
  /** Default `payload.bin`; a folder's name when there are several files. */
  readonly name?: string;
  /** Length of the only file; alternative to `files`. */
  readonly lengthBytes?: number;
  /** Several files: path below the folder → length in bytes. */
  readonly files?: Readonly<Record<string, number>>;
  /** Default 256 KiB. */
  readonly pieceLengthBytes?: number;
  /** Fills the last piece of every file with padding (BEP 47) made of this byte. Default none. */
  readonly padding?: number;
  /** Number of zeros at the start. Default none. */
  readonly zeroBytes?: number;
  readonly trackers?: readonly (readonly string[])[];
  /** Seed of the random bytes. Default 1. */
  readonly seed?: number;
}

export class Payload {
  readonly bytes: Buffer;
  readonly metainfo: Metainfo;
  /** The .torrent. */
  readonly torrent: Uint8Array;

  constructor(options: PayloadOptions = {}) {
    const { name = 'payload.bin', pieceLengthBytes = 256 * KIB, files } = options;
    const entries = files
      ? Object.entries(files).map(([path, lengthBytes]) => ({
          path: [name, ...path.split('/')],
          lengthBytes,
        }))
      : [{ path: [name], lengthBytes: options.lengthBytes ?? 4 * MIB }];
    const totalBytes = entries.reduce((sum, file) => sum + file.lengthBytes, 0);
    const content = pseudoRandom(totalBytes, options.seed ?? 1);
    content.fill(0, 0, options.zeroBytes ?? 0);
    if (options.padding !== undefined) {
      this.bytes = padded(content, entries, pieceLengthBytes, options.padding);
      this.torrent = paddedTorrent(name, entries, pieceLengthBytes, this.bytes);
      this.metainfo = parseMetainfo(this.torrent, sha1);
      return;
    }
    this.bytes = content;
    this.torrent = buildMetainfo({
      name,
      multiFile: files !== undefined,
      files: entries,
      pieceLengthBytes,
      pieceHashes: hashesOf(this.bytes, pieceLengthBytes),
      trackers: options.trackers,
    });
    this.metainfo = parseMetainfo(this.torrent, sha1);
  }

  get lengthBytes(): number {
    return this.bytes.length;
  }

  /** Writes the complete files below `folder`. */
  async write(folder: string): Promise<void> {
    for (const { path, lengthBytes, offsetBytes } of this.metainfo.files) {
      const file = join(folder, ...path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, this.bytes.subarray(offsetBytes, offsetBytes + lengthBytes));
    }
  }

  /** Fails unless every file below `folder` is there, byte for byte. */
  async expectIn(folder: string): Promise<void> {
    for (const { path, lengthBytes, offsetBytes } of this.metainfo.files) {
      const found = await readFile(join(folder, ...path));
      const same = found.equals(this.bytes.subarray(offsetBytes, offsetBytes + lengthBytes));
      expect(same, `${path.join('/')} is identical to its source`).to.equal(true);
    }
  }
}

function sha1(bytes: Uint8Array): Uint8Array {
  return createHash('sha1').update(bytes).digest();
}

/** A key stream: incompressible, quick, repeatable. */
function pseudoRandom(lengthBytes: number, seed: number): Buffer {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16));
  return cipher.update(Buffer.alloc(lengthBytes));
}

function hashesOf(bytes: Buffer, pieceLengthBytes: number): Uint8Array {
  const hashes: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += pieceLengthBytes)
    hashes.push(sha1(bytes.subarray(at, at + pieceLengthBytes)));
  return Buffer.concat(hashes);
}

interface Entry {
  readonly path: readonly string[];
  readonly lengthBytes: number;
}

/** Zeros from the end of a file to that of its last piece. */
function paddingAfter({ lengthBytes }: Entry, pieceLengthBytes: number): number {
  return (pieceLengthBytes - (lengthBytes % pieceLengthBytes)) % pieceLengthBytes;
}

function padded(
  content: Buffer,
  entries: readonly Entry[],
  pieceLengthBytes: number,
  padding: number,
): Buffer {
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const entry of entries) {
    parts.push(content.subarray(at, at + entry.lengthBytes));
    parts.push(Buffer.alloc(paddingAfter(entry, pieceLengthBytes), padding));
    at += entry.lengthBytes;
  }
  return Buffer.concat(parts);
}

/** `buildMetainfo` writes no padding; only other clients do. */
function paddedTorrent(
  name: string,
  entries: readonly Entry[],
  pieceLengthBytes: number,
  bytes: Buffer,
): Uint8Array {
  const files = entries.flatMap((entry) => {
    const length = paddingAfter(entry, pieceLengthBytes);
    const file = { length: entry.lengthBytes, path: entry.path.slice(1) };
    return length === 0 ? [file] : [file, { attr: 'p', length, path: ['.pad', String(length)] }];
  });
  const pieces = hashesOf(bytes, pieceLengthBytes);
  return encode({ info: { name, files, 'piece length': pieceLengthBytes, pieces } });
}
