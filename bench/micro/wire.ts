// The peer wire protocol: blocks decoded in one read, across reads, and in tiny reads; small
// messages both ways.

import { PIECE_HEADER_LENGTH_BYTES } from '../../lib/wire/messages';
import type { WireSink } from '../../lib/wire/messages';
import { load } from '../support/engine';
import type { Engine } from '../support/engine';
import type { MicroTask } from './task';
import type * as Decoder from '../../lib/wire/decoder';
import type * as Encoder from '../../lib/wire/encoder';

const BLOCK_BYTES = 16_384;
const STREAM_BLOCKS = 64;
const REQUESTS = 512;
/** The engine's largest read, libuv's default read, one TCP segment, a tiny read. */
const READ_SIZES = [262_144, 65_536, 1448, 64];

export function* wireTasks(engine: Engine): Generator<MicroTask> {
  const { WireDecoder } = load<typeof Decoder>(engine, 'wire/decoder');
  const { WireWriter, writePieceHeader } = load<typeof Encoder>(engine, 'wire/encoder');
  let seen = 0;
  const sink: WireSink = {
    onMessage: () => void seen++,
    onBlock: () => void seen++,
  };
  const feedIn = (stream: Uint8Array, readBytes: number, units: number): (() => void) => {
    const decoder = new WireDecoder({ pieceCount: 1024 });
    return () => {
      seen = 0;
      for (let at = 0; at < stream.length; at += readBytes) {
        decoder.feed(stream, at, Math.min(at + readBytes, stream.length), sink);
      }
      if (seen !== units) throw new Error(`${seen} of ${units} messages were decoded`);
    };
  };

  const blocks = Buffer.alloc(STREAM_BLOCKS * (PIECE_HEADER_LENGTH_BYTES + BLOCK_BYTES));
  for (let block = 0; block < STREAM_BLOCKS; block++) {
    const at = block * (PIECE_HEADER_LENGTH_BYTES + BLOCK_BYTES);
    writePieceHeader(blocks, at, block, 0, BLOCK_BYTES);
  }
  const whole = PIECE_HEADER_LENGTH_BYTES + BLOCK_BYTES;
  for (const readBytes of [whole, ...READ_SIZES]) {
    const read = readBytes === whole ? 'one whole block' : `${readBytes} bytes`;
    yield {
      subject: 'wire: decode a block',
      case: { read },
      units: STREAM_BLOCKS,
      run: feedIn(blocks, readBytes, STREAM_BLOCKS),
    };
  }

  const writer = new WireWriter();
  for (let request = 0; request < REQUESTS; request++) writer.request(request, 0, BLOCK_BYTES);
  const requests = writer.take() ?? new Uint8Array();
  for (const readBytes of [requests.length, 64]) {
    yield {
      subject: 'wire: decode a request',
      case: { read: readBytes === requests.length ? 'all at once' : `${readBytes} bytes` },
      units: REQUESTS,
      run: feedIn(requests, readBytes, REQUESTS),
    };
  }
  yield {
    subject: 'wire: encode a request',
    case: { write: '64 at once' },
    units: 64,
    run() {
      for (let request = 0; request < 64; request++) writer.request(request, 0, BLOCK_BYTES);
      return writer.take();
    },
  };
  const header = Buffer.alloc(PIECE_HEADER_LENGTH_BYTES);
  yield {
    subject: "wire: encode a block's header",
    case: { write: 'in place' },
    units: 1000,
    run() {
      for (let block = 0; block < 1000; block++) writePieceHeader(header, 0, block, 0, BLOCK_BYTES);
    },
  };
}
