// For every request and every layout of pieces and files, the answer is that of BEP 3: the header,
// then the bytes of the torrent.

import { expect } from 'chai';
import fc from 'fast-check';
import { OpenContent } from '../../lib/net/open-content';
import { Upload } from '../../lib/net/upload/upload';
import { Uploader } from '../../lib/net/upload/uploader';
import { Serving } from '../../lib/peer/serving';
import { WireDecoder } from '../../lib/wire/decoder';
import { torrentOf } from './actor';

const BUDGET_BYTES = 8 * 262_144;

interface Request {
  readonly piece: number;
  readonly begin: number;
  readonly lengthBytes: number;
}

/** A peer's session and its stream, in one. */
class Peer {
  readonly source: OpenContent;
  readonly serving: Serving;
  readonly closed = false;
  readonly answers: { readonly request: Request; readonly bytes: Buffer }[] = [];
  readonly #decoder: WireDecoder;

  constructor(source: OpenContent) {
    this.source = source;
    this.serving = new Serving(2_000, 1);
    this.serving.open(source);
    this.serving.setChoked(false);
    const { pieceCount } = source.geometry;
    this.#decoder = new WireDecoder({ pieceCount, maxBlockLengthBytes: 131_072 });
  }
  cork(): void {
    return;
  }
  uncork(): void {
    return;
  }
  close(): void {
    throw new Error('it reads, so nothing closes it');
  }
  noteServed(): void {
    return;
  }
  write(bytes: Uint8Array, onFlushed?: () => void): void {
    this.#decoder.feed(bytes, 0, bytes.length, this);
    if (onFlushed) setImmediate(onFlushed);
  }
  onBlock(piece: number, begin: number, bytes: Uint8Array, start: number, end: number): void {
    const request = { piece, begin, lengthBytes: end - start };
    this.answers.push({ request, bytes: Buffer.from(bytes.subarray(start, end)) });
  }
  onMessage(): void {
    throw new Error('only blocks are expected');
  }
}

/** A torrent in memory, of files with these lengths. */
function sourceOf(pieceLengthBytes: number, lengths: readonly number[], content: Buffer) {
  const buffers: Record<string, SharedArrayBuffer> = {};
  let at = 0;
  const files = lengths.map((lengthBytes, index) => {
    const buffer = new SharedArrayBuffer(lengthBytes);
    new Uint8Array(buffer).set(content.subarray(at, at + lengthBytes));
    at += lengthBytes;
    buffers[`f${index}`] = buffer;
    return { path: `f${index}`, lengthBytes };
  });
  const storage = { module: 'memory', key: 'layout', root: '/', options: { buffers } };
  return new OpenContent(1, torrentOf({ pieceLengthBytes, files, storage, have: 'all' }).content);
}

describe('net/chunk layout', () => {
  const whole = Buffer.alloc(1_400_000, Buffer.from(Array.from({ length: 251 }, (_, at) => at)));
  const lengths = fc.array(fc.integer({ min: 0, max: 330_000 }), { minLength: 1, maxLength: 4 });
  // Two that are multiples of 16 KiB, two that are not.
  const pieceLength = fc.constantFrom(32_768, 262_144, 40_000, 100_001);
  const asked = fc.array(
    fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      block: fc.boolean(),
      lengthBytes: fc.integer({ min: 1, max: 131_072 }),
    }),
    { minLength: 1, maxLength: 40 },
  );

  it('answers every request with exactly what it asks for, in order', async () => {
    await fc.assert(
      fc.asyncProperty(lengths, pieceLength, asked, async (files, pieceBytes, wishes) => {
        const total = files.reduce((sum, length) => sum + length, 0);
        fc.pre(total > 0);
        const source = sourceOf(pieceBytes, files, whole);
        const peer = new Peer(source);
        const requests: Request[] = wishes.map(({ at, block, lengthBytes }) => {
          const position = Math.min(total - 1, Math.floor(at * total));
          const piece = Math.floor(position / pieceBytes);
          const inPiece = position - piece * pieceBytes;
          const begin = block ? inPiece - (inPiece % 16_384) : inPiece;
          const rest = source.geometry.pieceLengthBytes(piece) - begin;
          return { piece, begin, lengthBytes: Math.min(rest, block ? 16_384 : lengthBytes) };
        });
        for (const { piece, begin, lengthBytes } of requests) {
          expect(peer.serving.request(piece, begin, lengthBytes)).to.equal(true);
        }
        const uploader = new Uploader(
          BUDGET_BYTES,
          () => undefined,
          () => 0,
        );
        const line = {
          stream: peer,
          tap: undefined,
          guard: (work: () => void) => work(),
          close: () => peer.close(),
        };
        new Upload(uploader, line, source, peer).pump();
        while (peer.answers.length < requests.length) {
          await new Promise((resolve) => setImmediate(resolve));
        }
        expect(peer.answers.map(({ request }) => request)).to.deep.equal(requests);
        for (const { request, bytes } of peer.answers) {
          const from = request.piece * pieceBytes + request.begin;
          expect(bytes.equals(whole.subarray(from, from + request.lengthBytes))).to.equal(true);
        }
      }),
      { numRuns: 150 },
    );
  });
});
