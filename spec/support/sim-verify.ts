// Verify jobs answered on the spot: the true hashes over the slab, and content kept in one array.

import { createHash } from 'node:crypto';
import type { PieceOutcome, VerifyJob, VerifyResult } from '../../lib/messages/verify';
import { pieceChunks, spanChunks } from '../../lib/storage/spans';
import { blockDigests, checkPiece } from '../../lib/verify/check-piece';
import { checkMetadata } from '../../lib/verify/check-metadata';
import { sha1 } from './sim-torrent';

/** Runs a job on single-file content; good pieces are written to `content`. */
export function runVerifyJob(job: VerifyJob, slab: Uint8Array, content: Uint8Array): VerifyResult {
  if (job.type === 'metadata') return { ...NO_OUTCOMES, metadata: checkMetadata(job) };
  const outcomes: PieceOutcome[] = [];
  const newHash = (): ReturnType<typeof createHash> => createHash('sha1');
  if (job.type === 'pieces') {
    for (const {
      piece,
      lengthBytes,
      sha1: wanted,
      segments,
      spans,
      wantBlockDigests,
    } of job.pieces) {
      const chunks = pieceChunks(slab, segments, lengthBytes);
      const wrong = checkPiece(chunks, wanted, newHash);
      if (wrong) {
        outcomes.push({ type: 'bad', piece, blockDigests: wrong });
        continue;
      }
      for (const { span, chunks: parts } of spanChunks(chunks, spans)) {
        let at = span.offsetBytes;
        for (const part of span.path === undefined ? [] : parts) {
          content.set(part, at);
          at += part.length;
        }
      }
      outcomes.push({
        type: 'good',
        piece,
        ...(wantBlockDigests ? { blockDigests: blockDigests(chunks, newHash) } : {}),
      });
    }
  } else if (job.type === 'recheck') {
    for (const { piece, sha1: wanted, spans } of job.pieces) {
      const stored = spans.map((span) =>
        span.path === undefined
          ? new Uint8Array(span.lengthBytes)
          : content.subarray(span.offsetBytes, span.offsetBytes + span.lengthBytes),
      );
      const good = sha1(Buffer.concat(stored)).toString('hex') === wanted;
      outcomes.push({ type: good ? 'good' : 'bad', piece });
    }
  }
  return { outcomes, hashMs: 0, storageMs: 0 };
}

/** The torrent whose storage a job uses. */
export function storageKeyOf(job: VerifyJob | undefined): string | undefined {
  return job !== undefined && 'storage' in job ? job.storage.key : undefined;
}

/** One outcome for all pieces of a job, whatever is stored. */
export function outcomeForAll(job: VerifyJob, type: 'good' | 'bad'): VerifyResult {
  const pieces = 'pieces' in job ? job.pieces : [];
  return { ...NO_OUTCOMES, outcomes: pieces.map(({ piece }) => ({ type, piece })) };
}

/** The result of a job without outcomes: an empty file that was made, a sync. */
export const NO_OUTCOMES: VerifyResult = { outcomes: [], hashMs: 0, storageMs: 0 };

/** The same, with a disk that fails. */
export const DISK_FAILS: VerifyResult = {
  ...NO_OUTCOMES,
  error: { code: 'EIO', message: 'bad disk' },
};
