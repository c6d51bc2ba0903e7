// Open files of one thread, bounded: the one unused for longest is closed for the next. For
// synchronous users: a handle is free again as soon as the call that got it returns.
import { closeSync } from 'node:fs';
import { isOutOfDescriptors } from '../errors/system-error';

/** Least-recently-used file descriptors by key. */
export class HandleCache {
  readonly limit: number;
  // A Map keeps the order of insertion; a used key is put back at the end.
  private readonly handles = new Map<string, number>();

  constructor(limit: number) {
    this.limit = limit;
  }

  get size(): number {
    return this.handles.size;
  }

  /** The descriptor kept under `key`, opened by `open` when there is none. */
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

  /** The descriptor under `key` if there is one; it does not count as a use. */
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

  /** Where the process has no descriptor left, those kept here are given back, the oldest first. */
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
