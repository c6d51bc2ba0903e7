// Whether a piece matches its hash. Pure: the hash function is a parameter, the bytes stay in
// place.
import { BLOCK_LENGTH_BYTES, SHA1_LENGTH_BYTES } from '../bytes/lengths';

/** The part of node:crypto's Hash that is used here. */
export interface IncrementalHash {
  update(bytes: Uint8Array): unknown;
  digest(): Uint8Array;
  digest(encoding: 'hex'): string;
}

export type HashFactory = () => IncrementalHash;

/** The digest of a piece's chunks in order, in hexadecimal. */
function digestOf(chunks: readonly Uint8Array[], createHash: HashFactory): string {
  const hash = createHash();
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
}

/**
 * Undefined if the piece's digest is `sha1` (hexadecimal); otherwise the concatenated digests of
 * its 16 KiB blocks. Compared with a later good copy, they show which blocks were wrong.
 */
export function checkPiece(
  chunks: readonly Uint8Array[],
  sha1: string,
  createHash: HashFactory,
): Uint8Array | undefined {
  return digestOf(chunks, createHash) === sha1 ? undefined : blockDigests(chunks, createHash);
}

/** SHA-1 of each 16 KiB block of a piece; the last block may be shorter. */
export function blockDigests(chunks: readonly Uint8Array[], createHash: HashFactory): Uint8Array {
  let lengthBytes = 0;
  for (const chunk of chunks) lengthBytes += chunk.length;
  const digests = new Uint8Array(Math.ceil(lengthBytes / BLOCK_LENGTH_BYTES) * SHA1_LENGTH_BYTES);
  let block = 0;
  // Chunks are whole slab units except for the last, and a unit holds one block.
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += BLOCK_LENGTH_BYTES) {
      const hash = createHash();
      hash.update(chunk.subarray(at, at + BLOCK_LENGTH_BYTES));
      digests.set(hash.digest(), block++ * SHA1_LENGTH_BYTES);
    }
  }
  return digests;
}
