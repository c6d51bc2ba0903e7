// The slab: one large shared buffer with the bytes of unfinished pieces, divided into units of one
// block each. It knows nothing about pieces: the block table controls which thread may write where.

import { BLOCK_LENGTH_BYTES } from '../bytes/lengths';
import { MillraceError } from '../errors/millrace-error';

/** One unit holds one block. */
export const UNIT_LENGTH_BYTES = BLOCK_LENGTH_BYTES;

/** A shared buffer seen as units. Every thread has its own `Slab` over the one buffer. */
export class Slab {
  readonly buffer: SharedArrayBuffer;
  readonly bytes: Uint8Array;
  readonly unitCount: number;
  // The same bytes as `bytes`, typed as a Buffer for its `fill`.
  private readonly target: Buffer;

  private constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.bytes = new Uint8Array(buffer);
    this.unitCount = Math.floor(buffer.byteLength / UNIT_LENGTH_BYTES);
    this.target = Buffer.from(buffer);
  }

  /**
   * Reserves a slab of at least `lengthBytes`, rounded up to whole units. It may be generous: pages
   * that are never touched cost only address space.
   */
  static allocate(lengthBytes: number): Slab {
    const units = Math.ceil(lengthBytes / UNIT_LENGTH_BYTES);
    return new Slab(new SharedArrayBuffer(units * UNIT_LENGTH_BYTES));
  }

  /** A `Slab` over the buffer allocated by another thread. */
  static over(buffer: SharedArrayBuffer): Slab {
    return new Slab(buffer);
  }

  /**
   * Copies `source[start … end)` to the beginning of a unit: the only copy of a received block.
   *
   * Not `bytes.set`: into shared memory V8 copies byte by byte if source and target are aligned
   * differently, and a block in a read buffer has any offset. Per 16 KiB on Node 20: `set` and
   * `Buffer.copy` (which uses `set`) 6–9 µs, `Buffer.fill` 0.7 µs: with a source as long as the
   * target it is one memcpy. The short-lived view costs some 50 ns of that.
   */
  copyIn(unit: number, source: Uint8Array, start: number, end: number): void {
    const lengthBytes = end - start;
    if (lengthBytes <= 0) return;
    // A fill past the source's end would repeat the source, and one past the unit would overwrite
    // the next unit.
    if (
      lengthBytes > UNIT_LENGTH_BYTES ||
      start < 0 ||
      end > source.byteLength ||
      !(unit >= 0 && unit < this.unitCount)
    ) {
      throw new MillraceError(
        'unexpected',
        `a block of ${lengthBytes} bytes at ${start} of ${source.byteLength} does not fit unit ${unit} of ${this.unitCount}`,
      );
    }
    const offset = unit * UNIT_LENGTH_BYTES;
    this.target.fill(source.subarray(start, end), offset, offset + lengthBytes);
  }

  /** A view of `lengthBytes` from the beginning of a unit; it may extend over adjacent units. */
  view(unit: number, lengthBytes: number): Uint8Array {
    return new Uint8Array(this.buffer, unit * UNIT_LENGTH_BYTES, lengthBytes);
  }
}
