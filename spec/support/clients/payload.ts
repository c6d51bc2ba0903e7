// Payloads of the interop specs: random files in a given layout, their torrent, and the digest of
// every file below a folder, to compare a download with its source.

import { createHash, randomFillSync } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { createTorrent } from '../../../lib/index';

export { KIB, MIB } from '../../../lib/bytes/lengths';

export interface Layout {
  readonly pieceLengthBytes: number;
  /** Paths below the payload folder. One file whose path has no `/` makes a single-file torrent. */
  readonly files: ReadonlyMap<string, number>;
}

export interface Payload {
  /** Folder that holds the torrent's file or folder. */
  readonly folder: string;
  readonly torrent: string;
  /** 40 hex digits. */
  readonly infoHash: string;
  readonly digests: ReadonlyMap<string, string>;
}

/** Writes a layout below `folder` and its torrent beside it. */
export async function makePayload(
  folder: string,
  layout: Layout,
  trackerUrl: string,
): Promise<Payload> {
  const data = join(folder, 'data');
  for (const [path, lengthBytes] of layout.files) {
    const file = join(data, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, randomFillSync(Buffer.allocUnsafe(lengthBytes)));
  }
  const [first = ''] = layout.files.keys();
  const { bytes, metainfo } = await createTorrent(join(data, first.split('/')[0] ?? ''), {
    pieceLengthBytes: layout.pieceLengthBytes,
    trackers: [[trackerUrl]],
  });
  const torrent = join(folder, 'payload.torrent');
  await writeFile(torrent, bytes);
  return {
    folder: data,
    torrent,
    infoHash: Buffer.from(metainfo.infoHash).toString('hex'),
    digests: await digestsOf(data),
  };
}

/**
 * Path → SHA-1 of every file below a folder, without the files that a client keeps beside the data.
 */
export async function digestsOf(folder: string): Promise<ReadonlyMap<string, string>> {
  const digests = new Map<string, string>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = relative(folder, path);
    if (!entry.isFile() || name.startsWith('.millrace/') || name.endsWith('.aria2')) continue;
    // Read in one go: for 10,000 small files, streams take many times longer.
    digests.set(name, createHash('sha1').update(readFileSync(path)).digest('hex'));
  }
  return digests;
}
