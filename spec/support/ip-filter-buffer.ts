// An IP filter of a few ranges, as threads get it.

import { IpFilter } from '../../lib/address/ip-filter';
import { addLine } from '../../lib/address/ip-list';
import { RangeList } from '../../lib/address/ip-ranges';

/** Refuses peers in these ranges. */
export function ipFilterBuffer(...ranges: readonly string[]): SharedArrayBuffer {
  const list = new RangeList();
  for (const range of ranges) {
    if (addLine(list, range) !== true) throw new Error(`${range} is no range`);
  }
  return IpFilter.refusing(list, undefined).buffer;
}
