// What a command is given: the streams it may write to, the public API, and the wish to stop.

import type * as Millrace from '../index';

/** The public API; commands get it handed so that it loads only when one runs, and specs can fake it. */
export type Api = typeof Millrace;

/** Where a command writes. Data goes to `stdout`; progress, notices, logs and errors to `stderr`. */
export interface Io {
  stdout(text: string): void;
  stderr(text: string): void;
  /** Whether `stderr` is a terminal, where a line can be drawn over. */
  readonly terminal: boolean;
  /** Draws the live line over the one before; only on a terminal. Any other text wipes it first. */
  draw(line: string): void;
  /** Wipes the live line, if one is drawn. */
  wipe(): void;
}

export interface Context {
  readonly io: Io;
  readonly api: Api;
  /** Aborted at the first SIGINT, SIGTERM or SIGHUP. */
  readonly signal: AbortSignal;
  /** `performance.now()` when the command began. */
  readonly startedMs: number;
  /** For the command's engine, if they were booted already. */
  readonly threads?: Millrace.EngineThreads | undefined;
}

/** What `main` needs to know of a command's options to report its failure. */
export interface RunFlags {
  readonly json?: boolean | undefined;
  readonly quiet?: boolean | undefined;
}

/** A command's work; its value is the exit code. */
export type Job = (context: Context) => Promise<number>;

/** Hands a command's work to `main`, once its options are known to be right. */
export type Runner = (flags: RunFlags, job: Job) => Promise<void>;

/** Exit codes, as documented in docs/CLI.md. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  unknown: 3,
  sighup: 129,
  sigint: 130,
  sigterm: 143,
} as const;
