// Counted nouns and number ranges, as text.

/** Formats `0 peers`, `1 peer`, `2 peers`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Formats `no peers`, `1 peer`, `2 peers`, for sentences. */
export function countOrNo(count: number, noun: string): string {
  return count === 0 ? `no ${noun}s` : plural(count, noun);
}

/** A range that includes both ends. */
export interface NumberRange {
  readonly first: number;
  readonly last: number;
}

/** Groups ascending numbers into ranges. */
export function rangesOf(numbers: readonly number[]): NumberRange[] {
  const ranges: { first: number; last: number }[] = [];
  for (const value of numbers) {
    const open = ranges.at(-1);
    if (open && value === open.last + 1) open.last = value;
    else ranges.push({ first: value, last: value });
  }
  return ranges;
}

/** Formats `1, 3-7 and 12 more ranges`: at most `most` ranges are listed. */
export function formatRanges(ranges: readonly NumberRange[], most = 5): string {
  const shown = ranges
    .slice(0, most)
    .map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`))
    .join(', ');
  const rest = ranges.length - most;
  return rest > 0 ? `${shown} and ${plural(rest, 'more range')}` : shown;
}
