// The engine's log records on stderr, as pino writes them, only when somebody asks for them.

import type { Logger, LogLevel } from '../../index';
import type { Io } from '../context';
import { loadPino } from '../load';

/** Files and terminals are written at once: no record is lost however the process ends. */
export function stderrLogger(level: LogLevel | undefined, io: Io): Logger | undefined {
  if (level === undefined) return undefined;
  const { pino } = loadPino();
  return pino({ level, base: null }, { write: (record: string) => io.stderr(record) });
}
