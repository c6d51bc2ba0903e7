// A torrent with the largest allowed number of pieces, whose data does not exist.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readTorrent } from '../../lib/index';
import { buildMetainfo } from '../../lib/metainfo/create';

const PIECES = 2 ** 21;
const PIECE_LENGTH_BYTES = 16_384;

export async function writeLongTorrent(
  folder: string,
): Promise<{ path: string; infoHash: string; pieceCount: number }> {
  const bytes = buildMetainfo({
    name: 'long',
    multiFile: false,
    files: [{ path: ['long'], lengthBytes: PIECES * PIECE_LENGTH_BYTES }],
    pieceLengthBytes: PIECE_LENGTH_BYTES,
    pieceHashes: new Uint8Array(PIECES * 20),
    trackers: [],
  });
  const path = join(folder, 'long.torrent');
  writeFileSync(path, bytes);
  const { infoHash } = await readTorrent(bytes);
  return { path, infoHash: Buffer.from(infoHash).toString('hex'), pieceCount: PIECES };
}
