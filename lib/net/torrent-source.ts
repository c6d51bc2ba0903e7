// What this thread knows of one torrent, and its bytes as one long run over all files: where
// uploads read from.

import { Bitfield } from '../bytes/bitfield';
import { cutPlaces } from '../bytes/places';
import { MillraceError, recordOf } from '../errors/millrace-error';
import { Geometry } from '../metainfo/geometry';
import type { PeerTorrent } from '../messages/peer-thread';
import { loadStorageModule } from '../storage/module-loader';
import type { StorageReader } from '../storage/storage';
import { BLOCK_LENGTH_BYTES } from '../bytes/lengths';

export class TorrentSource {
  readonly torrent: number;
  readonly infoHash: Uint8Array;
  readonly geometry: Geometry;
  readonly have: Bitfield;
  readonly totalLengthBytes: number;
  readonly pieceLengthBytes: number;
  /** Every block begins at a multiple of 16 KiB of the torrent (but for odd piece lengths). */
  readonly framed: boolean;
  /** Set when the order to close came: nothing new begins. */
  closed = false;
  /** When a failed read was last reported. */
  lastFailureMs = -Infinity;
  private readonly torrentInfo: PeerTorrent;
  private readonly fileEnds: Float64Array;
  private reader: StorageReader | undefined;

  constructor(torrent: PeerTorrent) {
    const { pieceCount, pieceLengthBytes, totalLengthBytes, files } = torrent;
    this.torrentInfo = torrent;
    this.torrent = torrent.torrent;
    this.infoHash = torrent.infoHash;
    this.pieceLengthBytes = pieceLengthBytes;
    this.totalLengthBytes = totalLengthBytes;
    this.framed = pieceLengthBytes % BLOCK_LENGTH_BYTES === 0;
    this.fileEnds = new Float64Array(files.length);
    let offsetBytes = 0;
    const entries = files.map((file, index) => {
      offsetBytes += file.paddingBytes ?? 0;
      const entry = { lengthBytes: file.lengthBytes, offsetBytes };
      offsetBytes += file.lengthBytes;
      this.fileEnds[index] = offsetBytes;
      return entry;
    });
    this.geometry = new Geometry({
      pieceCount,
      pieceLengthBytes,
      totalLengthBytes,
      files: entries,
    });
    const bytes = new Uint8Array(torrent.have, 0, Bitfield.byteLength(pieceCount));
    this.have = new Bitfield(pieceCount, bytes);
  }

  /**
   * The longest stretch inside `windowStart` … `windowEnd` that consists of verified pieces and
   * holds `piece`. Others must not be read: their files may be missing, and what is there now is
   * not what a peer will be owed once they are verified.
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

  /**
   * Fills the places, one after the other, from `offsetBytes` of the torrent on. Throws `short-read`
   * or the storage's error, with the stored path of the file in `details.path`.
   */
  async read(offsetBytes: number, places: readonly Uint8Array[]): Promise<void> {
    const { storage, files } = this.torrentInfo;
    this.reader ??= loadStorageModule(storage.module).openReader(storage);
    let at = offsetBytes;
    let rest = places;
    for (let index = this.fileHolding(at); rest.length > 0; index++) {
      const file = files[index];
      const fileEnd = this.fileEnds[index] ?? this.totalLengthBytes;
      const paddingEnd = fileEnd - (file?.lengthBytes ?? 0);
      if (paddingEnd > at) {
        const { head, tail, headBytes } = cutPlaces(rest, paddingEnd - at);
        for (const place of head) place.fill(0);
        at += headBytes;
        rest = tail;
        if (rest.length === 0) return;
      }
      if (file === undefined) {
        throw new MillraceError('unexpected', `offset ${at} is past the end of the torrent`);
      }
      if (fileEnd <= at) continue; // an empty file
      const { head, tail, headBytes } = cutPlaces(rest, fileEnd - at);
      const inFile = at - (fileEnd - file.lengthBytes);
      const readBytes = await this.reader
        .read(file.path, inFile, head)
        .catch((error: unknown) => Promise.reject(namingFile(error, file.path)));
      if (readBytes < headBytes) {
        throw new MillraceError(
          'short-read',
          `${file.path} is missing or ends before byte ${inFile + headBytes} of ${file.lengthBytes}`,
          { path: file.path },
        );
      }
      at += headBytes;
      rest = tail;
    }
  }

  /** Lets go of the file handles once the reads under way are done. */
  async close(): Promise<void> {
    this.closed = true;
    await this.reader?.close();
  }

  private fileHolding(offsetBytes: number): number {
    let low = 0;
    let high = this.fileEnds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.fileEnds[middle] ?? 0) <= offsetBytes) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function namingFile(error: unknown, path: string): MillraceError {
  const { code, message } = recordOf(error);
  return new MillraceError(code, message, { path });
}
