// Bencode: large .torrents in and out, and a tracker's reply.

import { load } from '../support/engine';
import type { Engine } from '../support/engine';
import type { MicroTask } from './task';
import type * as Decode from '../../lib/bencode/decode';
import type * as Encode from '../../lib/bencode/encode';

/** 16 GiB in pieces of 256 KiB. */
const PIECES = 65_536;
const FILES = 10_000;
const PEERS = 200;

export function* bencodeTasks(engine: Engine): Generator<MicroTask> {
  const { decode } = load<typeof Decode>(engine, 'bencode/decode');
  const { encode } = load<typeof Encode>(engine, 'bencode/encode');
  const pieces = new Uint8Array(20 * PIECES).fill(7);
  const info = { name: 'payload', 'piece length': 262_144, pieces };
  const files = Array.from({ length: FILES }, (_, index) => ({
    length: index,
    path: ['folder', String(index % 100), `file ${index}`],
  }));
  const samples = {
    'one file, 65,536 pieces': {
      announce: 'http://t.example/',
      info: { ...info, length: 2 ** 34 },
    },
    '10,000 files, 65,536 pieces': { announce: 'http://t.example/', info: { ...info, files } },
    'a reply with 200 peers': { interval: 1800, peers: new Uint8Array(6 * PEERS) },
  };
  for (const [what, value] of Object.entries(samples)) {
    const bytes = encode(value);
    yield { subject: 'bencode: decode', case: { what }, units: 1, run: () => decode(bytes) };
    yield { subject: 'bencode: encode', case: { what }, units: 1, run: () => encode(value) };
  }
}
