// The storage writers of one verify worker, one per torrent, opened for its first job. When a torrent
// is closed, the writers of all torrents are retired: those in use are closed after their last job,
// and the remaining torrents open new ones when they need them.
import type { StorageRef } from '../messages/storage';
import { loadStorageModule } from '../storage/module-loader';
import type { StorageWriter } from '../storage/storage';

interface Entry {
  readonly writer: StorageWriter;
  users: number;
  retired: boolean;
}

export class WriterCache {
  private readonly entries = new Map<string, Entry>();
  /** Closes that have not returned. */
  private readonly closing = new Set<Promise<void>>();

  /** Runs `job` with the writer of `ref`; throws what loading the module throws. */
  async use<T>(ref: StorageRef, job: (writer: StorageWriter) => Promise<T>): Promise<T> {
    let entry = this.entries.get(ref.key);
    if (entry === undefined) {
      const writer = loadStorageModule(ref.module).openWriter(ref);
      entry = { writer, users: 0, retired: false };
      this.entries.set(ref.key, entry);
    }
    entry.users++;
    try {
      return await job(entry.writer);
    } finally {
      entry.users--;
      if (entry.retired && entry.users === 0) await this.close(entry.writer);
    }
  }

  /**
   * Closes every idle writer now, and the others when they become idle. Resolves when no close is in
   * progress.
   */
  async retireAll(): Promise<void> {
    const all = [...this.entries.values()];
    this.entries.clear();
    for (const entry of all) {
      entry.retired = true;
      if (entry.users === 0) void this.close(entry.writer);
    }
    await Promise.all(this.closing);
  }

  private async close(writer: StorageWriter): Promise<void> {
    const closed = closeQuietly(writer);
    this.closing.add(closed);
    await closed;
    this.closing.delete(closed);
  }
}

/** Writes are synced by separate jobs, so a failed close loses nothing. */
async function closeQuietly(writer: StorageWriter): Promise<void> {
  try {
    await writer.close();
  } catch {
    // There is no caller left to report to.
  }
}
