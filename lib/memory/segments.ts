// Where a run of blocks lies in the slab: a flat list of pairs (first unit, number of units), in
// block order. Flat numbers, because such lists cross threads with every lease.

/** Units in all the pairs. */
export function unitsIn(segments: readonly number[]): number {
  let units = 0;
  for (let i = 1; i < segments.length; i += 2) units += segments[i] ?? 0;
  return units;
}

/** The unit of the `index`-th block of the run; -1 past its end. */
export function unitAt(segments: readonly number[], index: number): number {
  let rest = index;
  for (let i = 0; i + 1 < segments.length; i += 2) {
    const count = segments[i + 1] ?? 0;
    if (rest < count) return (segments[i] ?? 0) + rest;
    rest -= count;
  }
  return -1;
}

/** The part of a list that holds blocks `first` … + `count`: what a lease of those blocks carries. */
export function sliceSegments(segments: readonly number[], first: number, count: number): number[] {
  const slice: number[] = [];
  let skip = first;
  let wanted = count;
  for (let i = 0; i + 1 < segments.length && wanted > 0; i += 2) {
    const length = segments[i + 1] ?? 0;
    if (skip >= length) {
      skip -= length;
      continue;
    }
    const taken = Math.min(length - skip, wanted);
    slice.push((segments[i] ?? 0) + skip, taken);
    wanted -= taken;
    skip = 0;
  }
  return slice;
}

/** Adds units to the end of a list, growing its last pair where they follow on. */
export function appendSegment(segments: number[], first: number, count: number): void {
  const last = segments.length - 2;
  if (last >= 0 && (segments[last] ?? 0) + (segments[last + 1] ?? 0) === first) {
    segments[last + 1] = (segments[last + 1] ?? 0) + count;
  } else {
    segments.push(first, count);
  }
}
