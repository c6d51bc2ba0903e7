// Where a run of blocks lies in the slab: a flat list of pairs (first unit, number of units), in
// block order. Flat numbers, because such lists are sent to other threads with every lease.

/** Appends units to a list, and extends its last pair if they are adjacent. */
export function appendSegment(segments: number[], first: number, count: number): void {
  const last = segments.length - 2;
  // Reading below index 0 would be slow. Negative: there is none, or it has no memory.
  const lastFirst = last < 0 ? -1 : (segments[last] ?? -1);
  if (lastFirst >= 0 && lastFirst + (segments[last + 1] ?? 0) === first) {
    segments[last + 1] = (segments[last + 1] ?? 0) + count;
  } else {
    segments.push(first, count);
  }
}
