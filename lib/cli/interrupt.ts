// SIGINT, SIGTERM and SIGHUP: the first asks the command to stop in good order, a second ends the process.

import { EXIT } from './context';

export interface Interrupt {
  /** Aborted at the first signal. */
  readonly signal: AbortSignal;
  /** 130 (SIGINT), 143 (SIGTERM) or 129 (SIGHUP) once a signal came. */
  exitCode(): number | undefined;
  /** Gives the signals back to Node. */
  dispose(): void;
}

type Signal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

const EXIT_CODES: Readonly<Record<Signal, number>> = {
  SIGINT: EXIT.sigint,
  SIGTERM: EXIT.sigterm,
  SIGHUP: EXIT.sighup,
};

/** The part of `process` that is needed. */
export interface SignalSource {
  readonly pid: number;
  on(signal: Signal, listener: () => void): unknown;
  off(signal: Signal, listener: () => void): unknown;
  kill(pid: number, signal: Signal): unknown;
}

export function watchSignals(source: SignalSource, onFirst: () => void): Interrupt {
  const controller = new AbortController();
  let exitCode: number | undefined;
  const handle = (signal: Signal): void => {
    if (exitCode === undefined) {
      exitCode = EXIT_CODES[signal];
      onFirst();
      controller.abort();
      return;
    }
    // By the system's own hand: `process.exit` would wait for a thread that hangs in a file system.
    dispose();
    source.kill(source.pid, signal);
  };
  const listeners = (Object.keys(EXIT_CODES) as Signal[]).map(
    (signal) => [signal, (): void => handle(signal)] as const,
  );
  const dispose = (): void => {
    for (const [signal, listener] of listeners) source.off(signal, listener);
  };
  for (const [signal, listener] of listeners) source.on(signal, listener);
  return {
    signal: controller.signal,
    exitCode: () => exitCode,
    dispose,
  };
}
