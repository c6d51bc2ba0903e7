// A bounded set of open files for one thread: the least recently used one is closed for the next.
// For synchronous users: a handle is free again as soon as the caller returns.
import { closeSync } from 'node:fs';
import { isOutOfDescriptors } from '../errors/system-error';

/** File descriptors by key, with least-recently-used eviction. */
export class HandleCache {
  readonly limit: number;
  // A Map keeps insertion order; a used key is moved to the end.
  private readonly handles = new Map<string, number>();

  constructor(limit: number) {
    this.limit = limit;
  }

  get size(): number {
    return this.handles.size;
  }

  /** The descriptor for `key`; opened by `open` if there is none. */
  use(key: string, open: () => number): number {
    let fd = this.handles.get(key);
    if (fd !== undefined) {
      this.handles.delete(key);
    } else {
      fd = this.openWithRoom(open);
      if (this.handles.size >= this.limit) this.closeOldest();
    }
    this.handles.set(key, fd);
    return fd;
  }

  /** The descriptor for `key`, if there is one; does not count as a use. */
  peek(key: string): number | undefined {
    return this.handles.get(key);
  }

  /** Closes every handle whose key starts with `prefix`. */
  closeAll(prefix: string): void {
    for (const [key, fd] of this.handles) {
      if (!key.startsWith(prefix)) continue;
      this.handles.delete(key);
      closeSync(fd);
    }
  }

  /** If the process has no free descriptor, closes handles from here, oldest first. */
  private openWithRoom(open: () => number): number {
    for (;;) {
      try {
        return open();
      } catch (error) {
        if (!isOutOfDescriptors(error) || this.handles.size === 0) throw error;
        this.closeOldest();
      }
    }
  }

  private closeOldest(): void {
    const oldest = this.handles.entries().next();
    if (oldest.done === true) return;
    this.handles.delete(oldest.value[0]);
    closeSync(oldest.value[1]);
  }
}
