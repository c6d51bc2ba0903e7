// Torrents for specs: bytes that look random and are the same on every run, their metainfo, and
// the comparison with what came out at the other end.

import { createCipheriv, createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { buildMetainfo } from '../../lib/metainfo/create';
import type { Metainfo } from '../../lib/metainfo/metainfo';
import { parseMetainfo } from '../../lib/metainfo/parse';

export const KIB = 1024;
export const MIB = 1024 * 1024;

export interface PayloadOptions {
  /** Default `payload.bin`; a folder's name when there are several files. */
  readonly name?: string;
  /** One file of that length … */
  readonly lengthBytes?: number;
  /** … or several, by path below the folder. */
  readonly files?: Readonly<Record<string, number>>;
  /** Default 256 KiB. */
  readonly pieceLengthBytes?: number;
  readonly trackers?: readonly (readonly string[])[];
  /** Another seed, other bytes. Default 1. */
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
    this.bytes = pseudoRandom(totalBytes, options.seed ?? 1);
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

  /** The files as a seed has them, below `folder`. */
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
