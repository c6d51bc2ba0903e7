import { expect } from 'chai';
import fc from 'fast-check';
import { WireWriter, writePieceHeader } from '../../lib/wire/encoder';
import { PIECE_HEADER_LENGTH_BYTES } from '../../lib/wire/messages';
import { BLOCK_LENGTH_BYTES } from '../../lib/bytes/lengths';
import type { OracleMessage } from '../support/oracle-codec';
import { oracleEncode, oracleEncodeAll } from '../support/oracle-codec';

function hex(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('hex');
}

function write(writer: WireWriter, message: OracleMessage): void {
  switch (message.type) {
    case 'keep-alive':
      return writer.keepAlive();
    case 'choke':
      return writer.choke();
    case 'unchoke':
      return writer.unchoke();
    case 'interested':
      return writer.interested();
    case 'not-interested':
      return writer.notInterested();
    case 'have':
      return writer.have(message.piece);
    case 'bitfield':
      return writer.bitfield(message.bits);
    case 'request':
      return writer.request(message.piece, message.begin, message.lengthBytes);
    case 'cancel':
      return writer.cancel(message.piece, message.begin, message.lengthBytes);
    case 'extended':
      return writer.extended(message.id, message.payload);
    default:
      expect.fail(`the writer does not say ${message.type}`);
  }
}

const uint32 = fc.integer({ min: 0, max: 0xffffffff });
const ourMessage: fc.Arbitrary<OracleMessage> = fc.oneof(
  fc.constantFrom<OracleMessage>(
    { type: 'keep-alive' },
    { type: 'choke' },
    { type: 'unchoke' },
    { type: 'interested' },
    { type: 'not-interested' },
  ),
  fc.record({ type: fc.constant('have' as const), piece: uint32 }),
  fc.record({ type: fc.constant('bitfield' as const), bits: fc.uint8Array({ maxLength: 5000 }) }),
  fc.record({
    type: fc.constantFrom('request' as const, 'cancel' as const),
    piece: uint32,
    begin: uint32,
    lengthBytes: uint32,
  }),
  fc.record({
    type: fc.constant('extended' as const),
    id: fc.integer({ min: 0, max: 255 }),
    payload: fc.uint8Array({ maxLength: 200 }),
  }),
);

describe('wire encoder', () => {
  it('writes what the oracle writes', () => {
    const writer = new WireWriter();
    fc.assert(
      fc.property(fc.array(ourMessage, { maxLength: 30 }), (messages) => {
        for (const message of messages) write(writer, message);
        const expected = oracleEncodeAll(messages);
        expect(writer.lengthBytes).to.equal(expected.length);
        expect(hex(writer.take())).to.equal(hex(expected));
        expect(writer.lengthBytes).to.equal(0);
      }),
      { numRuns: 200 },
    );
  });

  it('asks for 2^14 bytes and a short last block, `begin` in bytes', () => {
    const writer = new WireWriter();
    writer.request(5, 0, BLOCK_LENGTH_BYTES);
    writer.request(5, 16_384, BLOCK_LENGTH_BYTES);
    writer.request(5, 32_768, 351);
    expect(hex(writer.take())).to.equal(
      '0000000d 06 00000005 00000000 00004000'.replaceAll(' ', '') +
        '0000000d 06 00000005 00004000 00004000'.replaceAll(' ', '') +
        '0000000d 06 00000005 00008000 0000015f'.replaceAll(' ', ''),
    );
  });

  it('returns an array of its own, and nothing when nothing was encoded', () => {
    const writer = new WireWriter();
    expect(writer.take()).to.equal(undefined);
    writer.have(1);
    const first = writer.take();
    writer.have(2);
    expect(hex(first)).to.equal('000000050400000001');
    expect(hex(writer.take())).to.equal('000000050400000002');
  });

  it('writes the header of a block in front of data held elsewhere', () => {
    const block = Uint8Array.from([1, 2, 3]);
    const target = new Uint8Array(2 + PIECE_HEADER_LENGTH_BYTES + block.length);
    writePieceHeader(target, 2, 0xfffffffe, 0x80000001, block.length);
    target.set(block, 2 + PIECE_HEADER_LENGTH_BYTES);
    const message = { type: 'piece', piece: 0xfffffffe, begin: 0x80000001, block } as const;
    expect(hex(target.subarray(2))).to.equal(hex(oracleEncode(message)));
  });
});
