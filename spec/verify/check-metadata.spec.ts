// Checks a copy of the metadata: right, wrong, or right and of no use.

import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { encode } from '../../lib/bencode/encode';
import { JobRunner } from '../../lib/verify/run-job';
import { checkMetadata } from '../../lib/verify/check-metadata';

const sha1 = (bytes: Uint8Array): Buffer => createHash('sha1').update(bytes).digest();

/** Two pieces of metadata. */
const GOOD = encode({
  length: 900 * 16_384,
  name: 'a',
  'piece length': 16_384,
  pieces: new Uint8Array(900 * 20),
});

function job(bytes: Uint8Array, wantPieceDigests = false, of = bytes) {
  const info = new SharedArrayBuffer(bytes.length);
  new Uint8Array(info).set(bytes);
  return { type: 'metadata', info, sha1: sha1(of).toString('hex'), wantPieceDigests } as const;
}

const digestsOf = (bytes: Uint8Array): Buffer =>
  Buffer.concat([sha1(bytes.subarray(0, 16_384)), sha1(bytes.subarray(16_384))]);

describe('verify/check-metadata', () => {
  it('reads what is right, and leaves it where it is', () => {
    const work = job(GOOD);
    const outcome = checkMetadata(work);
    if (outcome.type !== 'good') throw new Error(outcome.type);
    const { metainfo } = outcome;
    expect(metainfo).to.deep.include({ name: 'a', pieceCount: 900, trackers: [] });
    expect(metainfo.infoBytes?.buffer).to.equal(work.info);
    expect(metainfo.pieceHashes.buffer).to.equal(work.info);
    expect(outcome.pieceDigests).to.equal(undefined);
  });

  it('returns the digests of its pieces if they are wanted, or if it is wrong', () => {
    const good = checkMetadata(job(GOOD, true));
    expect(good.type).to.equal('good');
    expect(Buffer.from(good.pieceDigests ?? []).equals(digestsOf(GOOD))).to.equal(true);
    const spoilt = Uint8Array.from(GOOD).fill(7, 17_000, 17_001);
    const wrong = checkMetadata(job(spoilt, false, GOOD));
    expect(wrong.type).to.equal('wrong');
    expect(Buffer.from(wrong.pieceDigests ?? []).equals(digestsOf(spoilt))).to.equal(true);
  });

  it('names the rule that metadata with the right hash breaks', () => {
    const cases: readonly (readonly [string, Uint8Array])[] = [
      ['bad-metainfo', encode({ name: 'a' })],
      ['bad-metainfo', Buffer.concat([GOOD, Buffer.from('e')])],
      ['bad-metainfo', encode(['no', 'dictionary'])],
      ['bad-bencode', GOOD.subarray(0, 20_000 % GOOD.length)],
      [
        'v2-unsupported',
        encode({ name: 'a', 'piece length': 16_384, 'meta version': 2, 'file tree': {} }),
      ],
    ];
    for (const [code, bytes] of cases) {
      const outcome = checkMetadata(job(bytes));
      expect(outcome.type === 'unusable' ? outcome.error.code : outcome.type).to.equal(code);
    }
  });

  it('is a job of the workers', async () => {
    const runner = new JobRunner(new SharedArrayBuffer(0));
    const { outcomes, metadata, error } = await runner.run(job(GOOD));
    expect(outcomes).to.deep.equal([]);
    expect(error).to.equal(undefined);
    expect(metadata?.type).to.equal('good');
  });
});
