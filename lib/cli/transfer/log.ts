// Writes the engine's log records to stderr in pino's format, if requested.

import type { Logger } from '../../index';
import { SECRET_KEYS, URL_KEYS, redactValue } from '../../text/redact';
import type { LogLevel } from '../../text/log-levels';
import type { Io } from '../context';
import { loadPino } from '../load';

/** Where secrets may be: in a field of a record, or in a field of an object in such a field. */
const DEPTHS = ['', '*'] as const;

/** In pino's notation; in brackets, because names of HTTP headers contain hyphens. */
const SECRET_PATHS = [...SECRET_KEYS, ...URL_KEYS].flatMap((key) =>
  DEPTHS.map((depth) => `${depth}["${key}"]`),
);

/** Writes to files and terminals are synchronous: no record is lost when the process ends. */
export function stderrLogger(level: LogLevel | undefined, io: Io): Logger | undefined {
  if (level === undefined) return undefined;
  const { pino } = loadPino();
  const redact = {
    paths: SECRET_PATHS,
    censor: (value: unknown, path: readonly string[]) => redactValue(path.at(-1) ?? '', value),
  };
  return pino({ level, base: null, redact }, { write: (record: string) => io.stderr(record) });
}
