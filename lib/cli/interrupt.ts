// SIGINT and SIGTERM: the first asks the command to stop in good order, a second ends the process.

import { EXIT } from './context';

export interface Interrupt {
  /** Aborted at the first signal. */
  readonly signal: AbortSignal;
  /** 130 or 143 once a signal came. */
  exitCode(): number | undefined;
  /** Gives the signals back to Node. */
  dispose(): void;
}

/** The part of `process` that is needed. */
export interface SignalSource {
  on(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
  off(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
  exit(code: number): void;
}

export function watchSignals(source: SignalSource, onFirst: () => void): Interrupt {
  const controller = new AbortController();
  let exitCode: number | undefined;
  const handle = (code: number) => (): void => {
    if (exitCode !== undefined) {
      source.exit(code);
      return;
    }
    exitCode = code;
    onFirst();
    controller.abort();
  };
  const onSigint = handle(EXIT.sigint);
  const onSigterm = handle(EXIT.sigterm);
  source.on('SIGINT', onSigint);
  source.on('SIGTERM', onSigterm);
  return {
    signal: controller.signal,
    exitCode: () => exitCode,
    dispose() {
      source.off('SIGINT', onSigint);
      source.off('SIGTERM', onSigterm);
    },
  };
}
