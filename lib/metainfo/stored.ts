// A torrent's files and pieces in the words of storage: stored paths, and the spans of a piece.

import { toHex } from '../bytes/hex';
import type { Geometry } from './geometry';
import type { Metainfo } from './metainfo';
import { pathOf } from './paths';

/** Every file, in the torrent's order; components joined by `/`. `paddingBytes`: zeros before it. */
export function storedFiles(metainfo: Pick<Metainfo, 'files'>): {
  readonly path: string;
  readonly lengthBytes: number;
  readonly paddingBytes?: number;
}[] {
  let end = 0;
  return metainfo.files.map((file) => {
    const { lengthBytes, offsetBytes } = file;
    const paddingBytes = offsetBytes - end;
    end = offsetBytes + lengthBytes;
    return { path: pathOf(file), lengthBytes, ...(paddingBytes > 0 && { paddingBytes }) };
  });
}

/** Where a piece lies in the files; empty files are left out, and padding has no path. */
export function storedSpans(
  { files }: { readonly files: readonly { readonly path: readonly string[] }[] },
  geometry: Geometry,
  piece: number,
): {
  readonly path: string | undefined;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}[] {
  return geometry.pieceSpans(piece).map(({ file, offsetBytes, lengthBytes }) => {
    const stored = file === undefined ? undefined : files[file];
    return { path: stored && pathOf(stored), offsetBytes, lengthBytes };
  });
}

/** The files that hold bytes of a piece. */
export function pathsOfPiece(metainfo: Metainfo, geometry: Geometry, piece: number): string[] {
  return storedSpans(metainfo, geometry, piece).flatMap(({ path }) => path ?? []);
}

/** How long the files are together: the torrent without its padding. */
export function contentBytes(
  metainfo: Pick<Metainfo, 'totalLengthBytes' | 'paddingBytes'>,
): number {
  return metainfo.totalLengthBytes - (metainfo.paddingBytes ?? 0);
}

/** What the piece must hash to, in hexadecimal: as verify jobs carry it. */
export function pieceHash(metainfo: Metainfo, piece: number): string {
  return toHex(metainfo.pieceHashes.subarray(piece * 20, piece * 20 + 20));
}
