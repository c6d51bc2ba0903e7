import { expect } from 'chai';
import fc from 'fast-check';
import { encode } from '../../lib/bencode/encode';
import { Bitfield } from '../../lib/bytes/bitfield';
import { decodeRecord, encodeRecord, maxRecordBytes } from '../../lib/storage/resume-record';
import type { ResumeRecord } from '../../lib/storage/resume-record';

const records: fc.Arbitrary<ResumeRecord> = fc
  .record({
    infoHash: fc.uint8Array({ minLength: 20, maxLength: 20 }),
    pieces: fc.array(fc.boolean(), { maxLength: 70 }),
    open: fc.boolean(),
    files: fc.array(
      fc.record({
        path: fc.string({ unit: 'grapheme' }),
        sizeBytes: fc.maxSafeNat(),
        mtimeMs: fc.maxSafeInteger(),
      }),
      { maxLength: 8 },
    ),
    savedAtMs: fc.maxSafeNat(),
  })
  .map(({ pieces, ...rest }) => {
    const have = new Bitfield(pieces.length);
    pieces.forEach((has, piece) => has && have.set(piece));
    return { ...rest, pieceCount: pieces.length, have };
  });

describe('resume record', () => {
  it('reads back what it wrote, within the stated size', () => {
    fc.assert(
      fc.property(records, (record) => {
        const bytes = encodeRecord(record);
        expect(bytes.length).to.be.at.most(maxRecordBytes(record.pieceCount, record.files));
        expect(decodeRecord(bytes)).to.deep.equal(record);
      }),
      { numRuns: 200 },
    );
  });

  it('refuses garbage, truncation and bit flips with one kind of error, or reads a whole record', () => {
    const attempt = (bytes: Uint8Array): void => {
      try {
        const record = decodeRecord(bytes);
        expect(record.have.length).to.equal(record.pieceCount);
      } catch (error) {
        expect(error).to.have.property('code', 'bad-resume');
      }
    };
    fc.assert(fc.property(fc.uint8Array(), attempt), { numRuns: 200 });
    fc.assert(
      fc.property(records, fc.nat(), fc.nat(7), (record, at, bit) => {
        const bytes = encodeRecord(record);
        attempt(bytes.subarray(0, at % bytes.length));
        const flipped = Uint8Array.from(bytes);
        flipped[at % bytes.length] = (flipped[at % bytes.length] ?? 0) ^ (1 << bit);
        attempt(flipped);
      }),
      { numRuns: 200 },
    );
  });

  it('refuses other versions and fields of the wrong kind', () => {
    const whole = {
      version: 1,
      'info hash': new Uint8Array(20),
      'piece count': 9,
      have: Uint8Array.of(0xff, 0x80),
      open: 0,
      files: [['a', 1, 2]],
      'saved at': 3,
    };
    expect(decodeRecord(encode(whole)).have.isFull()).to.equal(true);
    for (const change of [
      { version: 2 },
      { version: undefined },
      { 'info hash': 1 },
      { 'piece count': -1 },
      { 'piece count': 8 },
      { have: Uint8Array.of(0xff, 0xc0) },
      { open: 2 },
      { files: 'no' },
      { files: [['a', 1]] },
      { files: [['a', -1, 2]] },
      { files: [[1, 1, 2]] },
      { 'saved at': 'then' },
    ]) {
      expect(() => decodeRecord(encode({ ...whole, ...change })), JSON.stringify(change))
        .to.throw()
        .with.property('code', 'bad-resume');
    }
  });
});
