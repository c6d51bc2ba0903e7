// Checks and parses a complete copy of a torrent's metadata (BEP 9), in a verify worker: for 64 MiB this would
// stall the coordinator for a tenth of a second.
import { createHash } from 'node:crypto';
import { recordOf } from '../errors/millrace-error';
import type { MetadataOutcome, VerifyJob } from '../messages/verify';
import { parseInfo } from '../metainfo/parse';
import type { Digest } from '../metainfo/parse';
import { withInfoIn } from '../metainfo/shared-info';
import { blockDigests } from './check-piece';

const digest: Digest = (bytes, algorithm) => createHash(algorithm).update(bytes).digest();

export function checkMetadata({
  info,
  sha1,
  wantPieceDigests,
}: Extract<VerifyJob, { readonly type: 'metadata' }>): MetadataOutcome {
  const bytes = new Uint8Array(info);
  const pieceDigests = (): Uint8Array => blockDigests([bytes], () => createHash('sha1'));
  if (createHash('sha1').update(bytes).digest('hex') !== sha1)
    return { type: 'wrong', pieceDigests: pieceDigests() };
  const digests = wantPieceDigests ? { pieceDigests: pieceDigests() } : {};
  try {
    const metainfo = withInfoIn(parseInfo(bytes, digest, [], process.platform), info);
    return { type: 'good', metainfo, ...digests };
  } catch (error) {
    return { type: 'unusable', error: recordOf(error), ...digests };
  }
}
