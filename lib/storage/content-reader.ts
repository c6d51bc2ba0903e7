// The content of a torrent as one contiguous range of bytes over all its files, for uploads. It
// opens the back end's reader at the first read.

import { cutPlaces } from '../bytes/places';
import { MillraceError, recordOf } from '../errors/millrace-error';
import type { StorageRef } from '../messages/storage';
import type { Layout } from '../metainfo/layout';
import { loadStorageModule } from './module-loader';
import type { StorageReader } from './storage';

export class ContentReader {
  private readonly layout: Layout;
  private readonly storage: StorageRef;
  private reader: StorageReader | undefined;

  constructor(layout: Layout, storage: StorageRef) {
    this.layout = layout;
    this.storage = storage;
  }

  /**
   * Fills the buffers, one after the other, from `offsetBytes` of the torrent on. Throws
   * `short-read` or the storage's error, with the stored path of the file in `details.path`.
   */
  async read(offsetBytes: number, places: readonly Uint8Array[]): Promise<void> {
    const { storage } = this;
    this.reader ??= loadStorageModule(storage.module).openReader(storage);
    let lengthBytes = 0;
    for (const place of places) lengthBytes += place.length;
    let rest = places;
    for (const span of this.layout.spans(offsetBytes, lengthBytes)) {
      const { head, tail } = cutPlaces(rest, span.lengthBytes);
      rest = tail;
      if (span.path === undefined) for (const place of head) place.fill(0);
      else await this.readSpan(this.reader, span.path, span, head);
    }
  }

  /** Waits for the reads in progress, then closes every handle. */
  async close(): Promise<void> {
    await this.reader?.close();
  }

  private async readSpan(
    reader: StorageReader,
    path: string,
    { offsetBytes, lengthBytes }: { readonly offsetBytes: number; readonly lengthBytes: number },
    places: readonly Uint8Array[],
  ): Promise<void> {
    const readBytes = await reader
      .read(path, offsetBytes, places)
      .catch((error: unknown) => Promise.reject(namingFile(error, path)));
    if (readBytes >= lengthBytes) return;
    const end = offsetBytes + lengthBytes;
    const length = this.layout.files.find((file) => file.path === path)?.lengthBytes ?? end;
    throw new MillraceError(
      'short-read',
      `${path} is missing or ends before byte ${end} of ${length}`,
      { path },
    );
  }
}

function namingFile(error: unknown, path: string): MillraceError {
  const { code, message } = recordOf(error);
  return new MillraceError(code, message, { path });
}
