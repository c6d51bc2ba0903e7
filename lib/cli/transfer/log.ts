// Writes the engine's log records to stderr in pino's format, if requested.

import type { Logger } from '../../index';
import { SECRET_KEYS, URL_KEYS, redactValue } from '../../text/redact';
import type { LogLevel } from '../../text/log-levels';
import type { Io } from '../context';
import { loadPino } from '../load';

/** How deep pino looks for keys: a field of a record, and one of an object in such a field. */
const DEPTHS = ['', '*'] as const;

/** As pino names them; brackets, because of the hyphens of HTTP. */
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
