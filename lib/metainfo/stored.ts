// A torrent's files and pieces in the words of storage: stored paths, and the spans of a piece.

import { toHex } from '../bytes/hex';
import type { Geometry } from './geometry';
import type { Metainfo } from './metainfo';
import { pathOf } from './paths';

/** Every file, in the torrent's order; components joined by `/`. */
export function storedFiles(
  metainfo: Metainfo,
): { readonly path: string; readonly lengthBytes: number }[] {
  return metainfo.files.map((file) => ({ path: pathOf(file), lengthBytes: file.lengthBytes }));
}

/** Where a piece lies in the files; empty files are left out. */
export function storedSpans(
  metainfo: Metainfo,
  geometry: Geometry,
  piece: number,
): { readonly path: string; readonly offsetBytes: number; readonly lengthBytes: number }[] {
  return geometry.pieceSpans(piece).map((span) => ({
    path: pathOf(metainfo.files[span.file] ?? { path: [] }),
    offsetBytes: span.offsetBytes,
    lengthBytes: span.lengthBytes,
  }));
}

/** What the piece must hash to, in hexadecimal: as verify jobs carry it. */
export function pieceHash(metainfo: Metainfo, piece: number): string {
  return toHex(metainfo.pieceHashes.subarray(piece * 20, piece * 20 + 20));
}
