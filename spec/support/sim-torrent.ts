// Synthetic torrents: content generated from a seed, and its metainfo.

import { createHash } from 'node:crypto';
import { encode } from '../../lib/bencode/encode';
import type { Metainfo } from '../../lib/metainfo/metainfo';

export const KIB = 1024;
export const MIB = 1024 * 1024;

/** Seeded random numbers in [0, 1) (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface SimTorrentOptions {
  readonly totalLengthBytes: number;
  readonly pieceLengthBytes: number;
  readonly seed?: number;
  readonly trackers?: readonly (readonly string[])[];
  /** Number of padding bytes at the end, which no file holds. Default none. */
  readonly paddingBytes?: number;
  /** Value of the padding bytes. Default 0, the correct value. */
  readonly paddingByte?: number;
  /** Files without a byte, beside the one with the content. */
  readonly emptyFiles?: readonly string[];
  /** Lengths of more files, which take the end of the content; their names follow from the first one's. */
  readonly moreFiles?: readonly number[];
  /** Default false. */
  readonly private?: boolean;
}

export interface SimTorrent {
  readonly metainfo: Metainfo;
  readonly content: Buffer;
}

/** A torrent of one file, unless more are asked for; its content follows from the seed. */
export function simTorrent(options: SimTorrentOptions): SimTorrent {
  const { totalLengthBytes, pieceLengthBytes, seed = 1, trackers = [], emptyFiles = [] } = options;
  const { paddingBytes = 0, paddingByte = 0 } = options;
  const { moreFiles = [] } = options;
  const moreBytes = moreFiles.reduce((sum, bytes) => sum + bytes, 0);
  const fileBytes = totalLengthBytes - paddingBytes - moreBytes;
  const random = seededRandom(seed);
  const words = new Uint32Array(Math.ceil(totalLengthBytes / 4));
  for (let at = 0; at < words.length; at++) words[at] = Math.floor(random() * 2 ** 32);
  const content = Buffer.from(words.buffer, 0, totalLengthBytes);
  content.fill(paddingByte, totalLengthBytes - paddingBytes);
  const pieceCount = Math.ceil(totalLengthBytes / pieceLengthBytes);
  const pieceHashes = new Uint8Array(20 * pieceCount);
  for (let piece = 0; piece < pieceCount; piece++) {
    const start = piece * pieceLengthBytes;
    pieceHashes.set(sha1(content.subarray(start, start + pieceLengthBytes)), 20 * piece);
  }
  const name = `sim-${seed}.bin`;
  let offsetBytes = fileBytes;
  const multiFile = emptyFiles.length + moreFiles.length > 0;
  // Of one file as a .torrent has it; for others an info hash is enough.
  const infoBytes = encode({
    length: totalLengthBytes,
    name,
    'piece length': pieceLengthBytes,
    pieces: pieceHashes,
    ...(options.private && { private: 1 }),
    ...(multiFile && { files: emptyFiles.length + moreFiles.length }),
  });
  const metainfo: Metainfo = {
    infoHash: Uint8Array.from(sha1(infoBytes)),
    ...(!multiFile && paddingBytes === 0 && { infoBytes }),
    name,
    multiFile,
    pieceLengthBytes,
    pieceCount,
    totalLengthBytes,
    ...(paddingBytes > 0 && { paddingBytes }),
    pieceHashes,
    files: [
      { path: [name], lengthBytes: fileBytes, offsetBytes: 0 },
      ...moreFiles.map((lengthBytes, at) => {
        const file = { path: [`${name}.${at + 1}`], lengthBytes, offsetBytes };
        offsetBytes += lengthBytes;
        return file;
      }),
      ...emptyFiles.map((path) => ({ path: [path], lengthBytes: 0, offsetBytes })),
    ],
    trackers,
    private: options.private ?? false,
  };
  return { metainfo, content };
}

export function sha1(bytes: Uint8Array): Buffer {
  return createHash('sha1').update(bytes).digest();
}
