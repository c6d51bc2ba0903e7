// Sizes and times as users write them: a number with a unit. One grammar for the options of all
// commands; a value that it does not allow is wrong usage, and the message gives an example.

import { InvalidArgumentError } from 'commander';
import { formatBytes } from '../../text/quantities';

const NUMBER = /^(\d{1,15}(?:\.\d{1,6})?) ?([a-z]*)$/i;

interface Unit {
  /** Spellings in lower case; the first is used in messages. */
  readonly names: readonly string[];
  readonly factor: number;
}

/** As in GNU tools: K and KiB are 1,024 bytes, KB is 1,000. In bytes. */
const SIZE_UNITS: readonly Unit[] = [
  { names: ['b'], factor: 1 },
  ...['k', 'm', 'g', 't'].flatMap((letter, index) => [
    { names: [letter, `${letter}ib`], factor: 1024 ** (index + 1) },
    { names: [`${letter}b`], factor: 1000 ** (index + 1) },
  ]),
];

/** In seconds. */
const TIME_UNITS: readonly Unit[] = [
  { names: ['ms'], factor: 0.001 },
  { names: ['s', 'sec'], factor: 1 },
  { names: ['min', 'm'], factor: 60 },
  { names: ['h'], factor: 3600 },
  { names: ['d'], factor: 86_400 },
];

function factorOf(units: readonly Unit[], name: string): number | undefined {
  return units.find(({ names }) => names.includes(name.toLowerCase()))?.factor;
}

/**
 * The number in the smallest unit; undefined for an invalid text. `plain` is the unit of a bare
 * number.
 */
function parse(text: string, units: readonly Unit[], plain: string): number | undefined {
  const [, digits, unit] = NUMBER.exec(text) ?? [];
  const factor = factorOf(units, unit === undefined || unit === '' ? plain : unit);
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor;
}

export interface SizeRule {
  readonly lowBytes: number;
  readonly highBytes: number;
  /** The unit of a bare number. */
  readonly plain: 'B' | 'MiB';
  /** An allowed value of this option, for messages. */
  readonly example: string;
  /** Only powers of two. */
  readonly powerOfTwo?: true;
}

/** `100M`, `1.5GiB`, `512MB`: whole bytes, rounded down. */
export function size(rule: SizeRule): (text: string) => number {
  const { lowBytes, highBytes, plain, example, powerOfTwo } = rule;
  return (text) => {
    const bytes = Math.floor(parse(text, SIZE_UNITS, plain) ?? NaN);
    const odd = powerOfTwo === true && !Number.isInteger(Math.log2(bytes));
    if (bytes >= lowBytes && bytes <= highBytes && !odd) return bytes;
    const what = powerOfTwo ? 'a power of two' : 'a size';
    const range = `from ${sizeText(lowBytes)} to ${sizeText(highBytes)}`;
    const bare = plain === 'B' ? 'bytes' : plain;
    throw new InvalidArgumentError(
      `Allowed: ${what} ${range}, such as ${example}; a number alone counts ${bare}.`,
    );
  };
}

/** Formats `16 KiB`, where `formatBytes` has 16.0 KiB. */
function sizeText(bytes: number): string {
  return formatBytes(bytes).replace(/\.0+ /, ' ');
}

export interface TimeRule {
  readonly lowSec: number;
  readonly highSec: number;
  /** The unit of a bare number. */
  readonly plain: 's' | 'min';
  readonly example: string;
  /** `lowSec` itself is not allowed. */
  readonly aboveLow?: true;
  /** Only whole seconds. */
  readonly whole?: true;
}

/** `90`, `90s`, `1.5h`: seconds. */
export function time(rule: TimeRule): (text: string) => number {
  const { lowSec, highSec, plain, example, aboveLow, whole } = rule;
  return (text) => {
    // Rounded to milliseconds: 2.3 × 60 is slightly below 138.
    const seconds = Math.round((parse(text, TIME_UNITS, plain) ?? NaN) * 1000) / 1000;
    const tooLow = aboveLow ? seconds <= lowSec : seconds < lowSec;
    const broken = whole === true && !Number.isInteger(seconds);
    if (!tooLow && seconds <= highSec && !broken) return seconds;
    const from = aboveLow ? `above ${lowSec} s and up to` : `from ${timeText(lowSec)} to`;
    const what = whole ? 'a time in whole seconds' : 'a time';
    const bare = plain === 's' ? 'seconds' : 'minutes';
    throw new InvalidArgumentError(
      `Allowed: ${what} ${from} ${timeText(highSec)}, such as ${example}; a number alone counts ${bare}.`,
    );
  };
}

/** Formats in the largest unit that divides the value: `600 s` is `10 min`. */
function timeText(seconds: number): string {
  const units = TIME_UNITS.filter(({ factor }) => factor >= 1).reverse();
  const unit = units.find(({ factor }) => seconds >= factor && seconds % factor === 0);
  return unit ? `${seconds / unit.factor} ${unit.names[0]}` : `${seconds} s`;
}
