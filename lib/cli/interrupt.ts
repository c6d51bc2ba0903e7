// SIGINT, SIGTERM and SIGHUP: the first asks the command to stop cleanly, a second ends the
// process, and so does a command that does not stop in time.

import { EXIT } from './context';

export interface Interrupt {
  /** Aborted at the first signal. */
  readonly signal: AbortSignal;
  /** 130 (SIGINT), 143 (SIGTERM) or 129 (SIGHUP) after a signal; undefined before. */
  exitCode(): number | undefined;
  /** Ends the process at once, with the signal that arrived, else with SIGKILL. */
  kill(): void;
  /** Restores Node's default handling of signals. */
  dispose(): void;
}

type Signal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

const EXIT_CODES: Readonly<Record<Signal, number>> = {
  SIGINT: EXIT.sigint,
  SIGTERM: EXIT.sigterm,
  SIGHUP: EXIT.sighup,
};

/**
 * How long a command may take to stop: an engine takes at most 20 s, and some commands end more
 * than one thing.
 */
const STOP_DEADLINE_MS = 30_000;

/** The part of `process` that is used. */
export interface SignalSource {
  readonly pid: number;
  on(signal: Signal, listener: () => void): unknown;
  off(signal: Signal, listener: () => void): unknown;
  kill(pid: number, signal: Signal | 'SIGKILL'): unknown;
}

export interface SignalEvents {
  onFirst(): void;
  /** The command has not stopped in time, and the process ends now. */
  onLate(): void;
}

export function watchSignals(
  source: SignalSource,
  { onFirst, onLate }: SignalEvents,
  deadlineMs = STOP_DEADLINE_MS,
): Interrupt {
  const controller = new AbortController();
  let first: Signal | undefined;
  let deadline: NodeJS.Timeout | undefined;
  // By a signal, because `process.exit` would wait for a thread that hangs in a file system.
  const kill = (signal: Signal | 'SIGKILL' = first ?? 'SIGKILL'): void => {
    dispose();
    source.kill(source.pid, signal);
  };
  const handle = (signal: Signal): void => {
    if (first !== undefined) return kill(signal);
    first = signal;
    deadline = setTimeout(() => {
      onLate();
      kill();
    }, deadlineMs);
    onFirst();
    controller.abort();
  };
  const listeners = (Object.keys(EXIT_CODES) as Signal[]).map(
    (signal) => [signal, (): void => handle(signal)] as const,
  );
  const dispose = (): void => {
    clearTimeout(deadline);
    for (const [signal, listener] of listeners) source.off(signal, listener);
  };
  for (const [signal, listener] of listeners) source.on(signal, listener);
  return {
    signal: controller.signal,
    exitCode: () => (first === undefined ? undefined : EXIT_CODES[first]),
    kill: () => kill(),
    dispose,
  };
}
