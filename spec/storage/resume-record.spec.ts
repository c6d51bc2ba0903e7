import { createHash } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { encode } from '../../lib/bencode/encode';
import type { Encodable } from '../../lib/bencode/encode';
import { Bitfield } from '../../lib/bytes/bitfield';
import { NAME_MAPPINGS } from '../../lib/metainfo/names';
import {
  decodeRecord,
  encodeRecord,
  layoutDigest,
  maxRecordBytes,
} from '../../lib/storage/resume-record';
import type { ResumeRecord } from '../../lib/storage/resume-record';

const UINT64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

const records: fc.Arbitrary<ResumeRecord> = fc
  .record({
    infoHash: fc.uint8Array({ minLength: 20, maxLength: 20 }),
    layout: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    pieces: fc.array(fc.boolean(), { maxLength: 70 }),
    open: fc.boolean(),
    files: fc.array(
      fc.record(
        {
          path: fc.string({ unit: 'grapheme' }),
          sizeBytes: fc.maxSafeNat(),
          mtimeNs: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
          device: UINT64,
          inode: UINT64,
          foreign: fc.constant(true),
        },
        { requiredKeys: ['path', 'sizeBytes', 'mtimeNs', 'device', 'inode'] },
      ),
      { maxLength: 8 },
    ),
    savedAtMs: fc.maxSafeNat(),
    boot: fc.option(fc.uuid(), { nil: undefined }),
    place: fc.option(fc.record({ device: UINT64, inode: UINT64 }), { nil: undefined }),
    names: fc.option(fc.constantFrom(...NAME_MAPPINGS), { nil: undefined }),
    kept: fc
      .dictionary(
        fc.string({ minLength: 1 }).map((key) => `x ${key}`),
        fc.uint8Array(),
      )
      .map((entries) => new Map(Object.entries(entries))),
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

  it('refuses garbage with one kind of error', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => expectRefused(bytes)),
      { numRuns: 200 },
    );
    expectRefused(encode({ version: 1, have: new Uint8Array(1) }));
  });

  it('believes nothing of a record with one flipped bit, a cut or anything after its end', () => {
    fc.assert(
      fc.property(records, fc.nat(), fc.nat(7), fc.uint8Array(), (record, at, bit, more) => {
        const bytes = encodeRecord(record);
        expectRefused(bytes.subarray(0, at % bytes.length));
        const flipped = Uint8Array.from(bytes);
        flipped[at % bytes.length] = (flipped[at % bytes.length] ?? 0) ^ (1 << bit);
        expectRefused(flipped);
        if (more.length > 0) expectRefused(Buffer.concat([bytes, more]));
      }),
      { numRuns: 500 },
    );
  });

  it('refuses other versions and fields of the wrong kind, checksum or not', () => {
    const whole = {
      version: 2,
      'info hash': new Uint8Array(20),
      layout: new Uint8Array(32),
      'piece count': 9,
      have: Uint8Array.of(0xff, 0x80),
      open: 0,
      files: [['a', 1, 2, 3, 4]],
      'saved at': 3,
      place: [5, 6],
    };
    expect(decodeRecord(sealed(whole)).have.isFull()).to.equal(true);
    for (const change of [
      { version: 1 },
      { version: 3 },
      { version: undefined },
      { 'info hash': 1 },
      { layout: undefined },
      { 'piece count': -1 },
      { 'piece count': 8 },
      { have: Uint8Array.of(0xff, 0xc0) },
      { open: 2 },
      { files: 'no' },
      { files: [['a', 1, 2, 3]] },
      { files: [['a', -1, 2, 3, 4]] },
      { files: [[1, 1, 2, 3, 4]] },
      { files: [['a', 1, 2, 3, 'x']] },
      { 'saved at': 'then' },
      { place: 'here' },
      { place: [1] },
    ]) {
      expect(() => decodeRecord(sealed({ ...whole, ...change })), JSON.stringify(change))
        .to.throw()
        .with.property('code', 'bad-resume');
    }
  });

  it('carries what it does not know to the next record, whatever that is', () => {
    const metadata = Buffer.alloc(3_000_000, 7);
    const later = { metadata, wanted: [1, [2, 'x']], names: 'libtorrent', zoo: { a: { b: -1 } } };
    const bytes = sealed({
      version: 2,
      'info hash': new Uint8Array(20),
      layout: new Uint8Array(32),
      'piece count': 0,
      have: new Uint8Array(0),
      open: 0,
      files: [],
      'saved at': 3,
      ...later,
    });
    const again = encodeRecord({ ...decodeRecord(bytes), savedAtMs: 3 });
    expect(Buffer.compare(again, bytes)).to.equal(0);
    expect(again.length).to.be.at.most(maxRecordBytes(0, []));
  });

  it('distinguishes layouts by names, lengths, order and pieces', () => {
    const a = { path: 'a', lengthBytes: 1 };
    const b = { path: 'b', lengthBytes: 2 };
    const layouts = [
      { pieceCount: 1, pieceLengthBytes: 16, files: [a, b] },
      { pieceCount: 1, pieceLengthBytes: 16, files: [b, a] },
      { pieceCount: 1, pieceLengthBytes: 16, files: [a] },
      { pieceCount: 1, pieceLengthBytes: 16, files: [a, { ...b, path: 'c' }] },
      { pieceCount: 1, pieceLengthBytes: 16, files: [a, { ...b, lengthBytes: 3 }] },
      { pieceCount: 2, pieceLengthBytes: 16, files: [a, b] },
      { pieceCount: 1, pieceLengthBytes: 32, files: [a, b] },
    ];
    const digests = layouts.map((layout) => Buffer.from(layoutDigest(layout)).toString('hex'));
    expect(new Set(digests).size).to.equal(layouts.length);
  });
});

/** A record as another program might write it, with a good checksum. */
function sealed(value: Record<string, Encodable | undefined>): Uint8Array {
  const body = encode(value);
  return Buffer.concat([body, createHash('sha256').update(body).digest()]);
}

function expectRefused(bytes: Uint8Array): void {
  let code: unknown;
  try {
    decodeRecord(bytes);
  } catch (error) {
    code = (error as { code?: unknown }).code;
  }
  expect(code).to.equal('bad-resume');
}
