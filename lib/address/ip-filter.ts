// PURE. The peers that an IP filter refuses: those in a block list, and those outside an allow list.
// Both lists are compiled into one set, so each check is one look-up.

import { IpRanges } from './ip-ranges';
import type { RangeList } from './ip-ranges';
import { addLine } from './ip-list';
import { addressOfHost } from './text';

/** Loopback: an allow list need not contain it. */
const LOOPBACK = ['127.0.0.0/8', '::1'];

export class IpFilter {
  private readonly refused: IpRanges;

  /** The buffer of an `IpFilter` that was made by `refusing`, in any thread. */
  constructor(buffer: SharedArrayBuffer) {
    this.refused = new IpRanges(buffer);
  }

  /**
   * Refuses the addresses of `block`, and, if `allow` is given, all that are neither in it nor on
   * loopback. Changes `block` and `allow`.
   */
  static refusing(block: RangeList, allow: RangeList | undefined): IpFilter {
    if (allow !== undefined) {
      for (const range of LOOPBACK) addLine(allow, range);
      block.addAllBut(allow.build());
    }
    return new IpFilter(block.build().buffer);
  }

  /** From this buffer another thread makes the same filter; the memory is shared, not copied. */
  get buffer(): SharedArrayBuffer {
    return this.refused.buffer;
  }

  /** Number of refused ranges, after overlapping and adjacent ones were merged. */
  get ranges(): number {
    return this.refused.count;
  }

  /** Whether a peer at this address is refused. False for a name: its addresses are checked once known. */
  refuses(host: string): boolean {
    const packed = addressOfHost(host);
    return packed !== undefined && this.refused.has(packed);
  }
}
