// Child processes of the interop specs: started, watched by their output, and always ended.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';

const POLL_MS = 20;
/** Length to which an error message cuts the output of a failing client. */
const SHOWN_CHARS = 2000;
/** How long a client may take over an orderly end before it is killed. */
const STOP_DEADLINE_MS = 20_000;

/** Where a client runs: its own address, and the command prefix that runs it there. */
export interface Place {
  readonly address: string;
  readonly enter: readonly string[];
}

export const LOOPBACK: Place = { address: '127.0.0.1', enter: [] };

const running = new Set<Client>();
process.on('exit', () => {
  for (const client of running) client.kill();
});

/** One client that we did not write, or our own command line, in a process of its own. */
export class Client {
  readonly name: string;
  /** Both output streams, in order of arrival. */
  output = '';
  stdout = '';
  /** Exit code, or the signal that ended it; undefined while it runs. */
  ended: number | string | undefined;
  readonly #child: ChildProcess;
  readonly #exit: Promise<void>;

  /** `env` is added to our own. */
  constructor(
    command: readonly string[],
    { place, cwd, env = {} }: { place?: Place; cwd?: string; env?: NodeJS.ProcessEnv } = {},
  ) {
    const [file = '', ...args] = [...(place?.enter ?? []), ...command];
    this.name = command.join(' ');
    this.#child = spawn(file, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.output += text;
      this.stdout += text;
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    running.add(this);
    this.#exit = new Promise((done) => {
      const end = (how: number | string): void => {
        this.ended = how;
        running.delete(this);
        done();
      };
      this.#child.once('error', (error) => end(error.message));
      this.#child.once('close', (code, signal) => end(code ?? signal ?? 'unknown'));
    });
  }

  /** Resolves when `condition` holds; rejects when the client ends before that, or too late. */
  async until(what: string, deadlineMs: number, condition: () => unknown): Promise<void> {
    const endMs = performance.now() + deadlineMs;
    while (!(await condition())) {
      if (this.ended !== undefined) throw this.#failure(`ended (${this.ended}) before ${what}`);
      if (performance.now() > endMs) throw this.#failure(`${deadlineMs} ms without ${what}`);
      await new Promise((next) => setTimeout(next, POLL_MS));
    }
  }

  /** Resolves when the client has printed this. */
  async untilPrinted(pattern: RegExp, deadlineMs: number): Promise<void> {
    await this.until(`${pattern} in its output`, deadlineMs, () => pattern.test(this.output));
  }

  /** Resolves when the client has exited by itself. */
  async exited(deadlineMs: number): Promise<void> {
    await this.until('its end', deadlineMs, () => this.ended !== undefined);
  }

  /** Resolves when the client has ended by itself with exit code 0. */
  async succeeded(deadlineMs: number): Promise<void> {
    await this.exited(deadlineMs);
    if (this.ended !== 0) throw this.#failure(`ended with ${this.ended}`);
  }

  /** Asks the client to end, and kills it if it does not. */
  async stop(): Promise<void> {
    if (this.ended !== undefined) return;
    const deadline = setTimeout(() => this.kill(), STOP_DEADLINE_MS);
    this.#child.kill('SIGTERM');
    await this.#exit;
    clearTimeout(deadline);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #failure(what: string): Error {
    const lines = this.output.replaceAll(/^\{"type":"progress".*\n/gm, '');
    const shown = lines.trim().slice(-SHOWN_CHARS);
    return new Error(`${this.name}\n  ${what}; it printed last:\n${shown || '(nothing)'}`);
  }
}

/** Call inside a describe: stops after each example the clients it started, even when it failed. */
export function useClients(): void {
  afterEach(async () => {
    await Promise.all([...running].map((client) => client.stop()));
  });
}
