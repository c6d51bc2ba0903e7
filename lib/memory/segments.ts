// Where a run of blocks lies in the slab: a flat list of pairs (first unit, number of units), in
// block order. Flat numbers, because such lists cross threads with every lease.

/** Adds units to the end of a list, growing its last pair where they follow on. */
export function appendSegment(segments: number[], first: number, count: number): void {
  const last = segments.length - 2;
  const lastFirst = segments[last] ?? -1; // negative: there is none, or it lies nowhere
  if (lastFirst >= 0 && lastFirst + (segments[last + 1] ?? 0) === first) {
    segments[last + 1] = (segments[last + 1] ?? 0) + count;
  } else {
    segments.push(first, count);
  }
}
