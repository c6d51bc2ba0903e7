// The context of a command: its output streams, the public API, and the signal to stop.

import type * as Millrace from '../index';

/**
 * The public API. It is passed to commands so that it loads only when one runs, and specs can
 * replace it.
 */
export type Api = typeof Millrace;

/** Output of a command. Data goes to `stdout`; progress, notices, logs and errors to `stderr`. */
export interface Io {
  stdout(text: string): void;
  stderr(text: string): void;
  /** Whether `stderr` is a terminal, where a line can be overwritten. */
  readonly terminal: boolean;
  /**
   * Draws the live line over the previous one; only on a terminal. Other output erases it first.
   */
  draw(line: string): void;
  /** Erases the live line, if one is drawn. */
  wipe(): void;
}

export interface Context {
  readonly io: Io;
  readonly api: Api;
  /** Aborted at the first SIGINT, SIGTERM or SIGHUP. */
  readonly signal: AbortSignal;
  /** `performance.now()` when the command began. */
  readonly startedMs: number;
  /** Threads for the command's engine, if they were started already. */
  readonly threads?: Millrace.EngineThreads | undefined;
}

/** The options that `main` needs to report a failure. */
export interface RunFlags {
  readonly json?: boolean | undefined;
  readonly quiet?: boolean | undefined;
}

/** A command's work; it resolves to the exit code. */
export type Job = (context: Context) => Promise<number>;

/** Passes a command's work to `main`, after its options were checked. */
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
