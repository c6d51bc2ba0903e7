// The content of a torrent on a peer thread: where its pieces are stored, and which of them may be
// read.

import { Bitfield } from '../bytes/bitfield';
import { BLOCK_LENGTH_BYTES } from '../bytes/lengths';
import type { PeerContent } from '../messages/peer-thread';
import type { Geometry } from '../metainfo/geometry';
import { Layout } from '../metainfo/layout';
import type { SessionContent } from '../peer/session-types';
import { ContentReader } from '../storage/content-reader';

export class OpenContent implements SessionContent {
  /** The number of its torrent. */
  readonly torrent: number;
  readonly geometry: Geometry;
  readonly have: Bitfield;
  concealed: boolean;
  readonly totalLengthBytes: number;
  readonly pieceLengthBytes: number;
  /**
   * Every block begins at a multiple of 16 KiB of the torrent (true unless the piece length is
   * odd).
   */
  readonly framed: boolean;
  /** Set when the torrent was ordered to close: nothing new begins. */
  closed = false;
  /** When a failed read was last reported. */
  lastFailureMs = -Infinity;
  private readonly reader: ContentReader;

  constructor(torrent: number, content: PeerContent) {
    const { pieceCount, pieceLengthBytes, totalLengthBytes } = content;
    const layout = new Layout(content);
    this.torrent = torrent;
    this.pieceLengthBytes = pieceLengthBytes;
    this.totalLengthBytes = totalLengthBytes;
    this.framed = pieceLengthBytes % BLOCK_LENGTH_BYTES === 0;
    this.geometry = layout.geometry;
    this.reader = new ContentReader(layout, content.storage);
    const bytes = new Uint8Array(content.have, 0, Bitfield.byteLength(pieceCount));
    this.have = new Bitfield(pieceCount, bytes);
    this.concealed = content.concealed === true;
  }

  /**
   * The longest stretch within `windowStart` to `windowEnd` that consists of verified pieces and
   * contains `piece`. Other pieces must not be read: their files may be missing, or their content
   * may still change.
   */
  verifiedStretch(
    piece: number,
    windowStart: number,
    windowEnd: number,
  ): { start: number; end: number } {
    const { pieceLengthBytes, have } = this;
    let first = piece;
    while (first * pieceLengthBytes > windowStart && have.get(first - 1)) first -= 1;
    let next = piece + 1;
    while (next * pieceLengthBytes < windowEnd && have.get(next)) next += 1;
    return {
      start: Math.max(windowStart, first * pieceLengthBytes),
      end: Math.min(windowEnd, next * pieceLengthBytes, this.totalLengthBytes),
    };
  }

  /** Fills the buffers with the bytes from `offsetBytes` of the torrent on; see `ContentReader`. */
  read(offsetBytes: number, places: readonly Uint8Array[]): Promise<void> {
    return this.reader.read(offsetBytes, places);
  }

  /** Closes the file handles when the reads in progress have ended. */
  async close(): Promise<void> {
    this.closed = true;
    await this.reader.close();
  }
}
