// A payload as a torrent, its bytes on disk where a seed needs them, and the check that every byte
// of a download is right.

import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { readTorrent } from '../../lib/index';
import { buildMetainfo } from '../../lib/metainfo/create';
import { Payload } from './payload';
import type { PayloadShape } from './payload';

const CHUNK_BYTES = 4 * 1024 * 1024;

/** A payload with the data that serving and fetching it needs. */
export interface BenchTorrent {
  readonly payload: Payload;
  /** Name of its only file. */
  readonly name: string;
  /** 40 hex digits. */
  readonly infoHash: string;
  readonly pieceHashes: Uint8Array;
}

export async function makeTorrent(shape: PayloadShape): Promise<BenchTorrent> {
  const payload = new Payload(shape);
  const name = `payload-${shape.salt}.bin`;
  const pieceHashes = payload.digests();
  const { infoHash } = await readTorrent(torrentBytes(name, shape, pieceHashes));
  return { payload, name, infoHash: Buffer.from(infoHash).toString('hex'), pieceHashes };
}

/** Writes the .torrent; a tracker changes nothing about its info hash. */
export function writeTorrent(torrent: BenchTorrent, path: string, trackerUrl?: string): string {
  const { name, payload, pieceHashes } = torrent;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, torrentBytes(name, payload.shape, pieceHashes, trackerUrl));
  return path;
}

function torrentBytes(
  name: string,
  shape: PayloadShape,
  pieceHashes: Uint8Array,
  trackerUrl?: string,
): Uint8Array {
  return buildMetainfo({
    name,
    multiFile: false,
    files: [{ path: [name], lengthBytes: shape.totalBytes }],
    pieceLengthBytes: shape.pieceLengthBytes,
    pieceHashes,
    trackers: trackerUrl === undefined ? [] : [[trackerUrl]],
  });
}

/** Stores the payload below `folder`, for clients that seed or recheck it. */
export function storePayload({ payload, name }: BenchTorrent, folder: string): void {
  mkdirSync(folder, { recursive: true });
  const file = openSync(join(folder, name), 'w');
  try {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    const { totalBytes } = payload.shape;
    for (let position = 0; position < totalBytes; position += CHUNK_BYTES) {
      const chunkBytes = Math.min(CHUNK_BYTES, totalBytes - position);
      let at = 0;
      payload.visit(position, chunkBytes, (part) => (at += part.copy(chunk, at)));
      writeSync(file, chunk, 0, chunkBytes, position);
    }
  } finally {
    closeSync(file);
  }
}

/** Throws unless the file below `folder` is the payload, byte for byte. */
export function checkDownload({ payload, name }: BenchTorrent, folder: string): void {
  const path = join(folder, name);
  const file = openSync(path, 'r');
  try {
    const { totalBytes } = payload.shape;
    const sizeBytes = fstatSync(file).size;
    if (sizeBytes !== totalBytes) {
      throw new Error(`${path} has ${sizeBytes} bytes where the payload has ${totalBytes}`);
    }
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let position = 0; position < totalBytes; position += CHUNK_BYTES) {
      const chunkBytes = readSync(file, chunk, 0, CHUNK_BYTES, position);
      if (!payload.matches(position, chunk, 0, chunkBytes)) {
        throw new Error(`${path} has wrong bytes between ${position} and ${position + chunkBytes}`);
      }
    }
  } finally {
    closeSync(file);
  }
}
