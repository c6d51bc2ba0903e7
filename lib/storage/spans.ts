// Where the bytes of a piece lie: views of the slab on one side, stretches of files on the other.
// Pure arithmetic, without opening or copying.
import { MillraceError } from '../errors/millrace-error';
import type { StoredSpan } from '../messages/storage';
import { ZERO_UNITS } from '../messages/verify';
import { BLOCK_LENGTH_BYTES } from '../bytes/lengths';

/** One slab unit holds one block. */
const UNIT_BYTES = BLOCK_LENGTH_BYTES;

/** A stretch of a file, and the memory with its bytes, in order. */
export interface SpanChunks {
  readonly span: StoredSpan;
  readonly chunks: readonly Uint8Array[];
}

/** Used for every block of padding. */
const ZEROS = new Uint8Array(UNIT_BYTES);

/**
 * Views of the memory of a piece, in piece order. `segments` is pairs (first unit, units); adjacent
 * ones become one view, and `ZERO_UNITS` views of zeros. The last view is cut at `lengthBytes`.
 */
export function pieceChunks(
  slab: Uint8Array,
  segments: readonly number[],
  lengthBytes: number,
): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let left = lengthBytes;
  let start = 0;
  let end = 0; // [start, end) is the run of bytes gathered so far
  for (let at = 0; at + 1 < segments.length && left > 0; at += 2) {
    const firstUnit = segments[at] ?? 0;
    const bytes = Math.min(left, (segments[at + 1] ?? 0) * UNIT_BYTES);
    if (firstUnit === ZERO_UNITS) {
      if (end > start) chunks.push(slab.subarray(start, end));
      start = end = 0;
      for (let done = 0; done < bytes; done += UNIT_BYTES)
        chunks.push(ZEROS.subarray(0, Math.min(UNIT_BYTES, bytes - done)));
      left -= bytes;
      continue;
    }
    const first = firstUnit * UNIT_BYTES;
    if (first !== end) {
      if (end > start) chunks.push(slab.subarray(start, end));
      start = first;
    }
    end = first + bytes;
    left -= bytes;
    if (end > slab.length) {
      throw new MillraceError('bad-job', `a piece reaches past the end of the slab, at ${end}`);
    }
  }
  if (end > start) chunks.push(slab.subarray(start, end));
  if (left > 0) {
    throw new MillraceError('bad-job', `the memory of a piece is ${left} bytes short`);
  }
  return chunks;
}

/** Divides a piece's chunks at the borders of its file spans; empty spans are left out. */
export function spanChunks(
  chunks: readonly Uint8Array[],
  spans: readonly StoredSpan[],
): SpanChunks[] {
  const result: SpanChunks[] = [];
  let at = 0; // chunk that holds the next byte
  let used = 0; // bytes of it already given away
  for (const span of spans) {
    if (span.lengthBytes === 0) continue;
    const parts: Uint8Array[] = [];
    let left = span.lengthBytes;
    while (left > 0) {
      const chunk = chunks[at];
      if (chunk === undefined) {
        throw new MillraceError('bad-job', `the file spans of a piece exceed it by ${left} bytes`);
      }
      const bytes = Math.min(left, chunk.length - used);
      parts.push(bytes === chunk.length ? chunk : chunk.subarray(used, used + bytes));
      left -= bytes;
      used += bytes;
      if (used === chunk.length) {
        at++;
        used = 0;
      }
    }
    result.push({ span, chunks: parts });
  }
  if (at < chunks.length) {
    throw new MillraceError('bad-job', 'the file spans of a piece do not cover it');
  }
  return result;
}
