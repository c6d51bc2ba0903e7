import { expect } from 'chai';
import fc from 'fast-check';
import { WireDecoder } from '../../lib/wire/decoder';
import type { WireMessage } from '../../lib/wire/messages';
import type { OracleMessage } from '../support/oracle-codec';
import { CollectingSink, oracleDecode, oracleEncodeAll } from '../support/oracle-codec';
import { codeThrown } from '../support/code-of';

const PIECE_COUNT = 1000;
const BITFIELD_BYTES = PIECE_COUNT / 8;

const uint32 = fc.oneof(fc.integer({ min: 0, max: 0xffffffff }), fc.constantFrom(0, 0xffffffff));
const blockRange = { piece: uint32, begin: uint32, lengthBytes: uint32 };
const anyMessage: fc.Arbitrary<OracleMessage> = fc.oneof(
  fc.constantFrom<OracleMessage>(
    { type: 'keep-alive' },
    { type: 'choke' },
    { type: 'unchoke' },
    { type: 'interested' },
    { type: 'not-interested' },
    { type: 'have-all' },
    { type: 'have-none' },
  ),
  fc.record({
    type: fc.constantFrom('have' as const, 'suggest' as const, 'allowed-fast' as const),
    piece: uint32,
  }),
  fc.record({
    type: fc.constant('bitfield' as const),
    bits: fc.uint8Array({ minLength: BITFIELD_BYTES, maxLength: BITFIELD_BYTES }),
  }),
  fc.record({
    type: fc.constantFrom('request' as const, 'cancel' as const, 'reject' as const),
    ...blockRange,
  }),
  fc.record({
    type: fc.constant('piece' as const),
    piece: uint32,
    begin: uint32,
    block: fc.uint8Array({ maxLength: 600 }),
  }),
  fc.record({ type: fc.constant('port' as const), port: fc.integer({ min: 0, max: 65535 }) }),
  fc.record({
    type: fc.constant('extended' as const),
    id: fc.integer({ min: 0, max: 255 }),
    payload: fc.uint8Array({ maxLength: 300 }),
  }),
  fc.record({
    type: fc.constant('unknown' as const),
    id: fc.constantFrom(10, 12, 18, 21, 255),
    lengthBytes: fc.integer({ min: 0, max: 300 }),
  }),
);

/** Feeds the stream in chunks through one reused buffer that is spoilt after each feed. */
function decodeCut(stream: Uint8Array, chunkBytes: readonly number[], decoder = newDecoder()) {
  const sink = new CollectingSink();
  const buffer = new Uint8Array(stream.length + 7);
  let position = 0;
  for (const chunk of [...chunkBytes, stream.length]) {
    const end = Math.min(position + chunk, stream.length);
    buffer.set(stream.subarray(position, end), 7);
    decoder.feed(buffer, 7, 7 + end - position, sink);
    buffer.fill(0xee);
    position = end;
  }
  return sink.messages;
}

function newDecoder(): WireDecoder {
  return new WireDecoder({ pieceCount: PIECE_COUNT });
}

const EVERYTHING: OracleMessage[] = [
  { type: 'unchoke' },
  { type: 'bitfield', bits: new Uint8Array(BITFIELD_BYTES).fill(0xa5) },
  { type: 'keep-alive' },
  { type: 'have', piece: 999 },
  { type: 'request', piece: 3, begin: 32_768, lengthBytes: 351 },
  { type: 'piece', piece: 3, begin: 16_384, block: new Uint8Array(40).fill(7) },
  { type: 'extended', id: 0, payload: Uint8Array.from([0x64, 0x65]) },
  { type: 'port', port: 6881 },
  { type: 'unknown', id: 12, lengthBytes: 0 },
  { type: 'cancel', piece: 3, begin: 0, lengthBytes: 16_384 },
  { type: 'choke' },
];

describe('wire decoder', () => {
  it('agrees with the oracle, however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(anyMessage, { maxLength: 12 }),
        fc.array(fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 700 })), {
          maxLength: 60,
        }),
        (messages, cuts) => {
          const stream = oracleEncodeAll(messages);
          const decoded = decodeCut(stream, cuts);
          expect(decoded).to.deep.equal(messages);
          expect(decoded).to.deep.equal(oracleDecode(stream));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('reads messages split at every byte boundary', () => {
    const stream = oracleEncodeAll(EVERYTHING);
    for (let cut = 0; cut <= stream.length; cut += 1) {
      expect(decodeCut(stream, [cut])).to.deep.equal(EVERYTHING);
    }
    expect(decodeCut(stream, new Array<number>(stream.length).fill(1))).to.deep.equal(EVERYTHING);
  });

  it('reads messages chained in one read, and chained and split mixed', () => {
    const stream = oracleEncodeAll([...EVERYTHING, ...EVERYTHING]);
    expect(decodeCut(stream, [])).to.deep.equal([...EVERYTHING, ...EVERYTHING]);
    const half = oracleEncodeAll(EVERYTHING).length;
    expect(decodeCut(stream, [half + 3, 1, 200])).to.deep.equal([...EVERYTHING, ...EVERYTHING]);
  });

  it('passes a whole block in place, without a copy', () => {
    const stream = oracleEncodeAll([
      { type: 'piece', piece: 1, begin: 2, block: new Uint8Array(16_384).fill(9) },
    ]);
    const calls: unknown[] = [];
    newDecoder().feed(stream, 0, stream.length, {
      onMessage: (message) => calls.push(message),
      onBlock: (piece, begin, bytes, start, end) =>
        calls.push(piece, begin, bytes === stream, start, end),
    });
    expect(calls).to.deep.equal([1, 2, true, 13, 13 + 16_384]);
  });

  it('passes messages without payload as frozen constants', () => {
    const calls: WireMessage[] = [];
    const stream = oracleEncodeAll([{ type: 'choke' }, { type: 'choke' }, { type: 'keep-alive' }]);
    newDecoder().feed(stream, 0, stream.length, {
      onMessage: (message) => calls.push(message),
      onBlock: () => undefined,
    });
    expect(calls[0]).to.equal(calls[1]);
    expect(calls.every((message) => Object.isFrozen(message))).to.equal(true);
  });

  describe('lengths', () => {
    const header = (length: number, ...rest: number[]) =>
      Uint8Array.from([length >>> 24, length >>> 16, length >>> 8, length, ...rest]);

    it('refuses 2 GiB and 4 GiB after four bytes, before holding any memory for them', () => {
      for (const length of [0x80000000, 0xffffffff, 0x7fffffff]) {
        const decoder = newDecoder();
        expect(codeThrown(() => decodeCut(header(length), [1, 1, 1, 1], decoder))).to.equal(
          'message-too-long',
        );
        expect(decoder.heldBytes).to.equal(0);
      }
    });

    it('caps each type by what the torrent can need', () => {
      const longest: [id: number, bytes: number][] = [
        [5, 1 + BITFIELD_BYTES],
        [7, 9 + 16_384],
        [20, 65_536],
        [21, 32_768],
      ];
      for (const [id, bytes] of longest) {
        expect(codeThrown(() => decodeCut(header(bytes, id), []))).to.equal('nothing');
        expect(codeThrown(() => decodeCut(header(bytes + 1, id), []))).to.equal('message-too-long');
        expect(codeThrown(() => decodeCut(header(bytes + 1, id), [2, 2]))).to.equal(
          'message-too-long',
        );
      }
    });

    it('takes its caps from the limits', () => {
      const decoder = new WireDecoder({
        pieceCount: 1_000_000,
        maxBlockLengthBytes: 100,
        maxExtendedBytes: 50,
      });
      expect(codeThrown(() => decodeCut(header(125_001, 5), [], decoder))).to.equal('nothing');
      const strict = () => new WireDecoder({ pieceCount: 8, maxBlockLengthBytes: 100 });
      expect(codeThrown(() => decodeCut(header(110, 7), [], strict()))).to.equal(
        'message-too-long',
      );
    });

    it('refuses a wrong length for a type of fixed length', () => {
      const right: [id: number, bytes: number][] = [
        [0, 1],
        [1, 1],
        [2, 1],
        [3, 1],
        [4, 5],
        [6, 13],
        [8, 13],
        [9, 3],
        [13, 5],
        [14, 1],
        [15, 1],
        [16, 13],
        [17, 5],
      ];
      for (const [id, bytes] of right) {
        for (const wrong of [bytes - 1, bytes + 1]) {
          if (wrong === 0) continue; // a keep-alive
          expect(codeThrown(() => decodeCut(header(wrong, id), []))).to.equal('bad-message');
        }
      }
      expect(codeThrown(() => decodeCut(header(8, 7), []))).to.equal('bad-message');
      expect(codeThrown(() => decodeCut(header(1, 20), []))).to.equal('bad-message');
    });

    it('ends with an error on an invalid message, after telling the valid ones before it', () => {
      const sink = new CollectingSink();
      const decoder = newDecoder();
      const stream = Uint8Array.from([
        ...oracleEncodeAll([{ type: 'have', piece: 1 }]),
        ...header(2, 0, 0),
        ...oracleEncodeAll([{ type: 'have', piece: 2 }]),
      ]);
      expect(codeThrown(() => decoder.feed(stream, 0, stream.length, sink))).to.equal(
        'bad-message',
      );
      expect(sink.messages).to.deep.equal([{ type: 'have', piece: 1 }]);
      decoder.feed(stream, 0, stream.length, sink);
      expect(sink.messages.length).to.equal(1);
    });

    it('releases a buffer longer than a block once its message was passed on', () => {
      const decoder = newDecoder();
      const stream = oracleEncodeAll([
        { type: 'extended', id: 1, payload: new Uint8Array(60_000) },
        { type: 'choke' },
      ]);
      expect(decodeCut(stream, [30_000], decoder).length).to.equal(2);
      expect(decoder.heldBytes).to.equal(0);
    });
  });

  it('meets hostile bytes with MillraceError only, the same for every cut, in bounded memory', () => {
    const hostile = fc.oneof(
      fc.uint8Array({ maxLength: 400 }),
      fc
        .array(
          fc.tuple(
            fc.integer({ min: 0, max: 40 }),
            fc.integer({ min: 0, max: 22 }),
            fc.uint8Array(),
          ),
          { maxLength: 20 },
        )
        .map((parts) => Uint8Array.from(parts.flatMap(([n, id, b]) => [0, 0, 0, n, id, ...b]))),
    );
    fc.assert(
      fc.property(hostile, fc.array(fc.integer({ min: 0, max: 30 })), (stream, cuts) => {
        const outcome = (chunks: readonly number[]) => {
          const decoder = newDecoder();
          const sink = new CollectingSink();
          let position = 0;
          const code = codeThrown(() => {
            for (const chunk of [...chunks, stream.length]) {
              const end = Math.min(position + chunk, stream.length);
              decoder.feed(stream, position, end, sink);
              expect(decoder.heldBytes).to.be.at.most(65_540);
              position = end;
            }
          });
          return { code, messages: sink.messages };
        };
        expect(outcome(cuts)).to.deep.equal(outcome([]));
      }),
      { numRuns: 200 },
    );
  });

  it('falls silent at once when its sink calls stop, in place or from the carry', () => {
    const stream = oracleEncodeAll(EVERYTHING);
    for (const cut of [stream.length, 2]) {
      const decoder = newDecoder();
      let calls = 0;
      const sink = {
        onMessage: () => {
          calls += 1;
          decoder.stop();
        },
        onBlock: () => expect.fail('called after stop'),
      };
      decoder.feed(stream, 0, cut, sink);
      decoder.feed(stream, cut, stream.length, sink);
      expect(calls).to.equal(1);
      expect(decoder.heldBytes).to.equal(0);
    }
  });

  it('is dead after its sink threw', () => {
    const decoder = newDecoder();
    const stream = oracleEncodeAll([{ type: 'choke' }, { type: 'unchoke' }]);
    let calls = 0;
    const sink = {
      onMessage: () => {
        calls += 1;
        throw new RangeError('from the sink');
      },
      onBlock: () => undefined,
    };
    expect(() => decoder.feed(stream, 0, stream.length, sink)).to.throw(RangeError);
    decoder.feed(stream, 0, stream.length, sink);
    expect(calls).to.equal(1);
  });

  it('refuses to be fed from within its sink', () => {
    const decoder = newDecoder();
    const stream = oracleEncodeAll([{ type: 'choke' }]);
    const sink = {
      onMessage: () => decoder.feed(stream, 0, stream.length, sink),
      onBlock: () => undefined,
    };
    expect(codeThrown(() => decoder.feed(stream, 0, stream.length, sink))).to.equal('unexpected');
  });
});
