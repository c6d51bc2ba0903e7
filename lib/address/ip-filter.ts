// PURE. Which peers an IP filter refuses: those of a block list, and those that an allow list does
// not contain. Both are compiled into one set, so that each check is one look-up.

import { IpRanges } from './ip-ranges';
import type { RangeList } from './ip-ranges';
import { addLine } from './ip-list';
import { addressOfHost } from './text';

/** This machine: an allow list need not contain it. */
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

  /** What another thread needs to make the same filter; it is shared, not copied. */
  get buffer(): SharedArrayBuffer {
    return this.refused.buffer;
  }

  /** Number of refused ranges, after overlapping and adjacent ones were merged. */
  get ranges(): number {
    return this.refused.count;
  }

  /** Whether a peer at this address is refused. A name is not: its addresses are, once known. */
  refuses(host: string): boolean {
    const packed = addressOfHost(host);
    return packed !== undefined && this.refused.has(packed);
  }
}
