// Child processes for specs that kill them, or check that they end by themselves.

import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { within } from '../swarm';

const ROOT = join(__dirname, '..', '..', '..');
const REGISTER = ['-r', join(ROOT, 'spec', 'register.cjs')];

export interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Runs a script of this folder in a child process; each line it prints is one JSON value. */
export class Child {
  readonly process: ChildProcessWithoutNullStreams;
  readonly ended: Promise<ChildEnd>;
  readonly lines: unknown[] = [];
  errors = '';
  #waiters: (() => void)[] = [];
  #over = false;

  constructor(script: string, input: unknown) {
    const loader = process.execArgv.length > 0 ? process.execArgv : REGISTER;
    this.process = spawn(
      process.execPath,
      [...loader, join(__dirname, script), JSON.stringify(input)],
      { cwd: ROOT },
    );
    this.process.stderr.on('data', (chunk: Buffer) => (this.errors += chunk.toString()));
    createInterface({ input: this.process.stdout }).on('line', (line) => {
      this.lines.push(JSON.parse(line));
      this.#wake();
    });
    this.ended = new Promise((resolve) =>
      this.process.on('close', (code, signal) => {
        this.#over = true;
        this.#wake();
        resolve({ code, signal });
      }),
    );
  }

  /** Resolves with the first matching line, past ones included. */
  async line<T>(what: string, wanted: (line: T) => boolean): Promise<T> {
    const find = async (): Promise<T> => {
      for (;;) {
        const found = (this.lines as T[]).find(wanted);
        if (found !== undefined) return found;
        if (this.#over) throw new Error(`the process ended before ${what}: ${this.errors}`);
        await new Promise<void>((resolve) => this.#waiters.push(resolve));
      }
    };
    return within(find(), what, 60_000);
  }

  #wake(): void {
    for (const waiter of this.#waiters.splice(0)) waiter();
  }
}
