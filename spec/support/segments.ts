// Segments (pairs of first unit and number of units) as specs look at them: unit by unit.

/** All units of the pairs, in block order. */
export function unitsOf(segments: readonly number[]): number[] {
  const units: number[] = [];
  for (let at = 0; at + 1 < segments.length; at += 2) {
    for (let unit = 0; unit < (segments[at + 1] ?? 0); unit++)
      units.push((segments[at] ?? 0) + unit);
  }
  return units;
}
