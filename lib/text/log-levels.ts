// The levels of log records, with pino's numbers.

export const LOG_LEVELS = {
  trace: 10,
  debug: 20,
  info: 30,
  warn: 40,
  error: 50,
  fatal: 60,
} as const;

export type LogLevel = keyof typeof LOG_LEVELS;

/** From the least to the most important. */
export const LOG_LEVEL_NAMES = Object.keys(LOG_LEVELS) as readonly LogLevel[];

/** Whether a logger with the level `least` writes records of this level. */
export function isLogged(level: LogLevel, least: LogLevel | 'silent'): boolean {
  return least !== 'silent' && LOG_LEVELS[level] >= LOG_LEVELS[least];
}
