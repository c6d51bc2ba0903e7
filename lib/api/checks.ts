// Checks of option values, one for each kind of value. A failed check throws `bad-option` with a
// message that names the option, what is allowed and what was given.

import { MillraceError } from '../errors/millrace-error';

/** Returns the value to use, or throws `bad-option`. `undefined`: the option was not given. */
export type Check<Value> = (name: string, value: unknown) => Value;

/** One check for each option; the compiler reports a missing one. */
export type Checks<Options> = { readonly [Name in keyof Required<Options>]: Check<unknown> };

type Checked<Table> = {
  readonly [Name in keyof Table]: Table[Name] extends Check<infer Value> ? Value : never;
};

/** Reads each option once and checks it. `subject` names the function in error messages. */
export function checkOptions<Table extends Readonly<Record<string, Check<unknown>>>>(
  subject: string,
  options: unknown,
  table: Table,
  prefix = '',
): Checked<Table> {
  if (options !== undefined && !isObject(options)) {
    throw new MillraceError(
      'bad-option',
      `the options of ${subject} must be an object, not ${shown(options)}`,
    );
  }
  const checked = Object.entries(table).map(([key, check]): [string, unknown] => {
    const given = options as Readonly<Record<string, unknown>> | undefined;
    return [key, checkValue(prefix + key, () => given?.[key], check)];
  });
  return Object.fromEntries(checked) as Checked<Table>;
}

/**
 * Reads and checks one value. A getter or a proxy of the embedder may throw anything at either
 * step.
 */
export function checkValue<Value>(name: string, read: () => unknown, check: Check<Value>): Value {
  try {
    return check(name, read());
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    throw badOption(name, `cannot be read: ${error instanceof Error ? error.message : 'it threw'}`);
  }
}

/** Checks an option that is an object of options. */
export function group<Table extends Readonly<Record<string, Check<unknown>>>>(
  table: Table,
): Check<Checked<Table>> {
  return (name, value) => {
    if (value !== undefined && !isObject(value)) throw wrong(name, 'an object', value);
    return checkOptions(name, value, table, `${name}.`);
  };
}

/** Applies the check only if the option is given. */
export function optional<Value>(check: Check<Value>): Check<Value | undefined> {
  return (name, value) => (value === undefined ? undefined : check(name, value));
}

/**
 * Applies the check if the option is given; else returns `other`, which need not pass the check.
 */
export function orElse<Value, Other>(other: Other, check: Check<Value>): Check<Value | Other> {
  return (name, value) => (value === undefined ? other : check(name, value));
}

/** Accepts one special value (`null`, `false`) besides those of the check. */
export function either<Value, const Other>(
  other: Other,
  check: Check<Value>,
): Check<Value | Other> {
  return (name, value) => {
    if (value === other) return other;
    try {
      return check(name, value);
    } catch (error) {
      // The error must list everything that is allowed, including the special value.
      const { option, allowed } = error instanceof MillraceError ? error.details : {};
      if (option !== name || typeof allowed !== 'string') throw error;
      throw wrong(name, `${shown(other)} or ${allowed}`, value);
    }
  };
}

export function wholeNumber(low: number, high: number): Check<number | undefined>;
export function wholeNumber(low: number, high: number, fallback: number): Check<number>;
export function wholeNumber(
  low: number,
  high: number,
  fallback?: number,
): Check<number | undefined> {
  return (name, value = fallback) => {
    if (value === undefined) return undefined;
    if (typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high)
      return value;
    throw wrong(name, `a whole number from ${low} to ${high}`, value);
  };
}

export function flag(fallback: boolean): Check<boolean> {
  return (name, value = fallback) => {
    if (typeof value === 'boolean') return value;
    throw wrong(name, 'true or false', value);
  };
}

/** Text that an operating system accepts as a path or a name: not empty, and without NUL. */
export function text(what: string): Check<string> {
  return (name, value) => {
    if (typeof value === 'string' && value !== '' && !value.includes('\0')) return value;
    throw wrong(name, what, value);
  };
}

export function oneOf<Value extends string>(
  allowed: readonly Value[],
  fallback?: Value,
): Check<Value> {
  return (name, value = fallback) => {
    const found = allowed.find((each) => each === value);
    if (found !== undefined) return found;
    const quoted = allowed.map((each) => `"${each}"`);
    throw wrong(name, `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`, value);
  };
}

/** A list; each entry must pass the check. Reads the list to its end. */
export function list<Value>(what: string, entry: Check<Value>): Check<readonly Value[]> {
  return (name, value) => {
    if (!isList(value)) throw wrong(name, `a list of ${what}`, value);
    return Array.from(value, (each: unknown, index) => entry(`${name}[${index}]`, each));
  };
}

/** A function. Its parameter types cannot be checked at run time. */
export function callback<Value extends (...args: never[]) => unknown>(): Check<Value | undefined> {
  return (name, value) => {
    if (value === undefined || typeof value === 'function') return value as Value | undefined;
    throw wrong(name, 'a function', value);
  };
}

/** Accepts any implementation: a test runner or another realm may have its own AbortSignal. */
export const signal: Check<AbortSignal | undefined> = (name, value) => {
  if (value === undefined) return undefined;
  const given = value as Partial<AbortSignal> | null;
  if (
    typeof given === 'object' &&
    typeof given?.aborted === 'boolean' &&
    typeof given.addEventListener === 'function' &&
    typeof given.removeEventListener === 'function'
  ) {
    return value as AbortSignal;
  }
  throw wrong(name, 'an AbortSignal', value);
};

export const bytes: Check<Uint8Array> = (name, value) => {
  if (value instanceof Uint8Array) return value;
  throw wrong(name, 'bytes (a Uint8Array)', value);
};

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !isList(value);
}

function isList(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false; // A revoked proxy, which cannot be examined.
  }
}

/** The error `option NAME must be ALLOWED, not VALUE`. */
export function wrong(option: string, allowed: string, value: unknown): MillraceError {
  return badOption(option, `must be ${allowed}, not ${shown(value)}`, { allowed });
}

export function badOption(
  option: string,
  sentence: string,
  details: MillraceError['details'] = {},
): MillraceError {
  return new MillraceError('bad-option', `option ${option} ${sentence}`, { option, ...details });
}

const MAX_SHOWN_LENGTH = 80;

/** Describes a value in a few words. Never throws. */
export function shown(value: unknown): string {
  switch (typeof value) {
    case 'string': {
      const short =
        value.length > MAX_SHOWN_LENGTH ? `${value.slice(0, MAX_SHOWN_LENGTH)}…` : value;
      return JSON.stringify(short);
    }
    case 'object':
      if (value === null) return 'null';
      return isList(value) ? `a list of ${value.length}` : 'an object';
    case 'function':
      return 'a function';
    case 'symbol':
      return 'a symbol';
    default:
      return String(value);
  }
}
