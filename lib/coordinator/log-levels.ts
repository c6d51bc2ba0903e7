// Levels as numbers, as pino has them, so that records nobody wants are never made.

import type { LogLevel } from '../messages/control';

export const LOG_LEVELS: Readonly<Record<LogLevel | 'silent', number>> = {
  trace: 10,
  debug: 20,
  info: 30,
  warn: 40,
  error: 50,
  fatal: 60,
  silent: Infinity,
};
