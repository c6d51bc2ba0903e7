// What one round of answers writes to a socket: parts of buffers, where neighbours become one write.
// Sixteen blocks in one write cost a third of the CPU that sixteen headers and sixteen bodies do.

export interface RunTarget {
  /** Between these two, writes gather and leave together. */
  cork(): void;
  uncork(): void;
  /** Must not copy; `onFlushed` is called once, when `bytes` is no longer read or never will be. */
  write(bytes: Uint8Array, onFlushed?: () => void): void;
}

export class OutgoingRun {
  private readonly target: RunTarget;
  private buffer: Buffer | undefined;
  private start = 0;
  private stop = 0;
  private corked = false;

  constructor(target: RunTarget) {
    this.target = target;
  }

  /** Bytes `start` … `end` of a buffer come next. */
  add(buffer: Buffer, start: number, end: number): void {
    if (buffer === this.buffer && start === this.stop) {
      this.stop = end;
      return;
    }
    // One behind, so that the last write of all can carry the callback.
    if (this.buffer !== undefined) {
      // Most rounds are a single write, which needs no cork and goes to the socket at once.
      if (!this.corked) this.target.cork();
      this.corked = true;
      this.target.write(this.buffer.subarray(this.start, this.stop));
    }
    this.buffer = buffer;
    this.start = start;
    this.stop = end;
  }

  /** Sends the rest. `onFlushed` is called when no part of the run is read any longer. */
  end(onFlushed: () => void): void {
    if (this.buffer === undefined) return;
    this.target.write(this.buffer.subarray(this.start, this.stop), onFlushed);
    this.buffer = undefined;
    if (this.corked) this.target.uncork();
  }
}

/** Puts a run into memory of its own, which leaves as one write: its buffers are free at once. */
export class CopyTarget implements RunTarget {
  private readonly target: RunTarget;
  private readonly parts: Uint8Array[] = [];

  constructor(target: RunTarget) {
    this.target = target;
  }

  cork(): void {
    return; // one write needs none
  }
  uncork(): void {
    return;
  }

  /** The last part of a run is the one with a callback. */
  write(bytes: Uint8Array, onFlushed?: () => void): void {
    this.parts.push(bytes);
    if (onFlushed !== undefined) this.target.write(Buffer.concat(this.parts), onFlushed);
  }
}
