// Sizes, rates, times and shares as text. `formatX` is for columns of figures, the shorter `roughX`
// for sentences.

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** Scales by powers of 1,024. */
function scaled(bytes: number): { readonly value: number; readonly unit: number } {
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < UNITS.length - 1; unit += 1) value /= 1024;
  return { value, unit };
}

/** `999 B`, `1.00 KiB`, `12.3 MiB`: three figures, powers of 1,024. */
export function formatBytes(bytes: number): string {
  const { value, unit } = scaled(bytes);
  if (unit === 0) return `${Math.floor(value)} B`;
  return `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ${UNITS[unit] ?? ''}`;
}

/** `812 bytes`, `1.5 MiB`, `77 GiB`: two figures below 10, powers of 1,024. */
export function roughBytes(bytes: number): string {
  const { value, unit } = scaled(bytes);
  if (unit === 0) return `${Math.round(value)} bytes`;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit] ?? ''}`;
}

export function formatRate(bytesPerSec: number): string {
  return `${formatBytes(bytesPerSec)}/s`;
}

/** `0 s`, `59 s`, `4 min 10 s`, `30 min`, `2 h 5 min`, `3 d 4 h`: the two largest units, rounded up. */
export function formatDuration(seconds: number): string {
  let left = Math.ceil(seconds);
  if (left >= 3600) left = Math.ceil(left / 60) * 60;
  const parts: string[] = [];
  for (const [unit, size] of [
    ['d', 86_400],
    ['h', 3600],
    ['min', 60],
    ['s', 1],
  ] as const) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0) parts.push(`${count} ${unit}`);
    else if (parts.length > 0) break;
  }
  return parts.slice(0, 2).join(' ') || '0 s';
}

/** `40 s`, `7 min`, `3 h`, `2 days`: the largest unit, rounded. */
export function roughDuration(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.round(seconds / 3600)} h`;
  const days = Math.round(seconds / 86_400);
  return `${days} ${days === 1 ? 'day' : 'days'}`;
}

/** `0.2 s`. */
export function formatElapsed(elapsedMs: number): string {
  return `${(elapsedMs / 1000).toFixed(1)} s`;
}

/** Formats `45.3 %`, rounded down: 100 % means that nothing is missing. */
export function formatPercent(part: number, whole: number): string {
  const share = whole > 0 ? Math.floor((part / whole) * 1000) / 10 : 100;
  return `${share.toFixed(1)} %`;
}
