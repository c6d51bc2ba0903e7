import { createHash } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import {
  BULK_JOB_TARGET_BYTES,
  JOB_MAX_PIECES,
  JOB_MAX_TARGETS,
  JOB_TARGET_BYTES,
  batchPieces,
  jobTargetBytes,
} from '../../lib/verify/batch';
import { checkPiece } from '../../lib/verify/check-piece';
import { pieceChunks } from '../../lib/storage/spans';

const UNIT = 16_384;
const sha1 = () => createHash('sha1');
const digest = (bytes: Uint8Array) => sha1().update(bytes).digest();

describe('check piece', () => {
  const slab = new Uint8Array(new SharedArrayBuffer(8 * UNIT));
  for (let at = 0; at < slab.length; at++) slab[at] = (at * 7 + (at >> 9)) & 0xff;

  it('accepts a scattered piece of 33,119 bytes by its digest, hashed in place', () => {
    const chunks = pieceChunks(slab, [5, 1, 2, 2], 33_119);
    const whole = Buffer.concat([
      slab.subarray(5 * UNIT, 6 * UNIT),
      slab.subarray(2 * UNIT, 3 * UNIT + 351),
    ]);
    expect(whole.length).to.equal(33_119);
    expect(checkPiece(chunks, digest(whole).toString('hex'), sha1)).to.equal(undefined);
  });

  it('gives the digest of every block of a bad one, the short last block included', () => {
    const chunks = pieceChunks(slab, [5, 1, 2, 2], 33_119);
    const digests = checkPiece(chunks, '00'.repeat(20), sha1);
    const blocks = [
      slab.subarray(5 * UNIT, 6 * UNIT),
      slab.subarray(2 * UNIT, 3 * UNIT),
      slab.subarray(3 * UNIT, 3 * UNIT + 351),
    ];
    expect(Buffer.from(digests ?? []).equals(Buffer.concat(blocks.map(digest)))).to.equal(true);
  });
});

describe('batches', () => {
  it('are full from 4 MiB on, and from less in a small memory', () => {
    const MIB = 1024 * 1024;
    expect(jobTargetBytes(64 * MIB, 4)).to.equal(4 * MIB);
    expect(jobTargetBytes(4096 * MIB, 4)).to.equal(4 * MIB);
    expect(jobTargetBytes(4 * MIB, 4)).to.equal(MIB / 2);
    const pieces = Array.from({ length: 5 }, () => ({ lengthBytes: MIB / 4 }));
    const jobs = [...batchPieces(pieces, jobTargetBytes(4 * MIB, 4))];
    expect(jobs.map((job) => job.length)).to.deep.equal([2, 2, 1]);
  });

  it('keep every piece in order, bounded in bytes and number, large pieces alone', () => {
    const sizes = fc.array(
      fc.oneof(fc.integer({ min: 1, max: 20_000 }), fc.integer({ min: 1, max: 8 << 20 })),
      {
        maxLength: 300,
      },
    );
    const targets = fc.constantFrom(JOB_TARGET_BYTES, BULK_JOB_TARGET_BYTES, 64 * 1024);
    fc.assert(
      fc.property(sizes, targets, (lengths, target) => {
        const pieces = lengths.map((lengthBytes, piece) => ({ piece, lengthBytes }));
        const jobs = [...batchPieces(pieces, target)];
        expect(jobs.flat()).to.deep.equal(pieces);
        for (const job of jobs) {
          expect(job.length).to.be.within(1, JOB_MAX_PIECES);
          const bytes = job.reduce((sum, piece) => sum + piece.lengthBytes, 0);
          if (job.length > 1) expect(bytes).to.be.at.most(JOB_MAX_TARGETS * target);
        }
      }),
      { numRuns: 200 },
    );
  });
});
