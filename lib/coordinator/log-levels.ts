// Log levels as numbers, like pino's, so that records below the level are never built.

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
