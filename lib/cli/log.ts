// The engine's log records on stderr, as pino writes them, only when somebody asks for them.

import type { Logger, LogLevel } from '../index';
import { loadPino } from './load';

/** Synchronous writes: no record is lost however the process ends. */
export function stderrLogger(level: LogLevel | undefined): Logger | undefined {
  if (level === undefined) return undefined;
  const { pino } = loadPino();
  return pino({ level, base: null }, pino.destination({ fd: 2, sync: true }));
}
