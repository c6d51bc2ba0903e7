// The messages of ut_metadata (BEP 9): round trips, the bytes of the specification, and payloads of every shape.

import { expect } from 'chai';
import fc from 'fast-check';
import {
  METADATA_PIECE_BYTES,
  decodeMetadataMessage,
  encodeMetadataMessage,
  metadataPieceCount,
  metadataPieceLength,
} from '../../lib/wire/metadata-message';
import type { MetadataMessage } from '../../lib/wire/metadata-message';
import { codeThrown } from '../support/code-of';

const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'latin1'));
const decodeText = (text: string) => decodeMetadataMessage(bytes(text));
const textOf = (message: MetadataMessage) =>
  Buffer.from(encodeMetadataMessage(message)).toString('latin1');

const pieces = fc.integer({ min: 0, max: 2 ** 31 - 1 });
const messages: fc.Arbitrary<MetadataMessage> = fc.oneof(
  fc.record({ type: fc.constantFrom('request' as const, 'reject' as const), piece: pieces }),
  fc.record({
    type: fc.constant('data' as const),
    piece: pieces,
    totalBytes: fc.option(fc.integer({ min: 0, max: 2 ** 40 }), { nil: undefined }),
    bytes: fc.uint8Array({ maxLength: 200 }),
  }),
);

describe('metadata messages', () => {
  it('are the bytes of BEP 9, with the types and lengths that its text gives', () => {
    expect(textOf({ type: 'request', piece: 0 })).to.equal('d8:msg_typei0e5:piecei0ee');
    expect(textOf({ type: 'reject', piece: 7 })).to.equal('d8:msg_typei2e5:piecei7ee');
    const data = { type: 'data', piece: 1, totalBytes: 34_256, bytes: bytes('xyz') } as const;
    expect(textOf(data)).to.equal('d8:msg_typei1e5:piecei1e10:total_sizei34256eexyz');
  });

  it('survive a round trip', () => {
    fc.assert(
      fc.property(messages, (message) => {
        expect(decodeMetadataMessage(encodeMetadataMessage(message))).to.deep.equal(message);
      }),
      { numRuns: 300 },
    );
  });

  it('of an unknown type are ignored, whatever else they say', () => {
    expect(decodeText('d8:msg_typei3ee')).to.equal(undefined);
    expect(decodeText('d8:msg_typei-1e5:piece3:abce')).to.equal(undefined);
  });

  it('may have more keys, in any order, and no total_size', () => {
    expect(decodeText('d5:piecei2e1:xle8:msg_typei1eeab')).to.deep.equal({
      type: 'data',
      piece: 2,
      totalBytes: undefined,
      bytes: bytes('ab'),
    });
    expect(decodeText('d8:msg_typei1e5:piecei2e10:total_size1:xe')).to.deep.include({
      totalBytes: undefined,
    });
  });

  it('of any other shape are refused by name, and nothing else', () => {
    const codeOf = (payload: Uint8Array) => codeThrown(() => decodeMetadataMessage(payload));
    const broken = [
      '',
      'i0e',
      'le',
      'd',
      'de',
      'd8:msg_type1:0e',
      'd8:msg_typei0ee',
      'd8:msg_typei0e5:piecei-1ee',
      'd8:msg_typei0e5:piecei2147483648ee',
      'd8:msg_typei0e5:piecei99999999999999999999ee',
      'd8:msg_typei1e5:piece1:0e',
      `d8:msg_typei0e5:piecei0e1:x${'l'.repeat(50)}${'e'.repeat(50)}e`,
      `d8:msg_typei0e5:piecei0e1:xl${'i1e'.repeat(200)}ee`,
    ];
    for (const text of broken) expect(codeOf(bytes(text)), text).to.equal('bad-extended-message');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (payload) => {
        expect(codeOf(payload)).to.be.oneOf(['nothing', 'bad-extended-message']);
      }),
      { numRuns: 300 },
    );
  });

  it('damaged in one byte decode to another message or are refused', () => {
    fc.assert(
      fc.property(messages, fc.nat(), fc.nat(255), (message, at, byte) => {
        const payload = encodeMetadataMessage(message);
        payload[at % payload.length] = byte;
        const outcome = codeThrown(() => decodeMetadataMessage(payload));
        expect(outcome).to.be.oneOf(['nothing', 'bad-extended-message']);
      }),
      { numRuns: 300 },
    );
  });

  it('divide metadata into pieces of 16 KiB, the last one shorter', () => {
    expect(
      [1, METADATA_PIECE_BYTES, METADATA_PIECE_BYTES + 1].map(metadataPieceCount),
    ).to.deep.equal([1, 1, 2]);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 25 }), (totalBytes) => {
        const count = metadataPieceCount(totalBytes);
        let sum = 0;
        for (let piece = 0; piece < count; piece++) sum += metadataPieceLength(totalBytes, piece);
        expect(sum).to.equal(totalBytes);
        expect(metadataPieceLength(totalBytes, count - 1)).to.be.above(0);
        expect(metadataPieceLength(totalBytes, count)).to.equal(0);
      }),
    );
  });
});
