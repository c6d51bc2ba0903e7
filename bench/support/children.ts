// Child processes of the benches: measured from exec to exit, ended with everything they started.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from './engine';
import { memoryOf, treeOf } from './processes';
import type { CpuTimes } from './processes';

/** VmHWM only grows, so what a poll can miss is growth in the last moments before the exit. */
const MEMORY_POLL_MS = 50;
const SHOWN_CHARS = 2000;
const STOP_DEADLINE_MS = 5000;

/** A program to run: what to execute, and with which environment on top of ours. */
export interface Launch {
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly folder?: string;
}

export interface Usage extends CpuTimes {
  /** From fork to exit. */
  readonly wallSec: number;
  readonly peakRssBytes: number;
  readonly peakAnonymousBytes: number;
}

const groups = new Set<number>();

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Ended already.
  }
}

process.on('exit', () => {
  for (const pid of groups) killGroup(pid);
});
// The default end by a signal runs no `exit` listener.
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => process.exit(code));
}

/** A process in a group of its own, its output kept, killed with the group. */
export class Child {
  readonly pid: number;
  readonly process: ChildProcess;
  output = '';
  exitCode: number | undefined;
  readonly exited: Promise<void>;
  readonly #name: string;

  constructor(launch: Launch, extraPipes = 0) {
    const [file = '', ...args] = launch.command;
    this.#name = launch.command.join(' ');
    this.process = spawn(file, args, {
      cwd: launch.folder,
      env: { ...process.env, ...launch.environment },
      stdio: ['pipe', 'pipe', 'pipe', ...Array<'pipe'>(extraPipes).fill('pipe')],
      detached: true,
    });
    this.pid = this.process.pid ?? -1;
    if (this.pid !== -1) groups.add(this.pid);
    const keep = (text: string): void => void (this.output += text);
    this.process.stdout?.setEncoding('utf8').on('data', keep);
    this.process.stderr?.setEncoding('utf8').on('data', keep);
    this.process.stdin?.on('error', () => undefined); // It may end without reading stdin.
    this.exited = new Promise((done) => {
      this.process.once('error', (error) => {
        this.output += error.message;
        this.exitCode = 127;
        done();
      });
      this.process.once('close', (code) => {
        this.exitCode = code ?? -1;
        groups.delete(this.pid);
        done();
      });
    });
  }

  /** Resolves to the match once the output has it; rejects when the process ends or time is up. */
  async untilPrinted(pattern: RegExp, deadlineMs: number): Promise<RegExpExecArray> {
    for (const endMs = performance.now() + deadlineMs; ;) {
      const match = pattern.exec(this.output);
      if (match) return match;
      if (this.exitCode !== undefined) throw this.failure(`ended with ${this.exitCode}`);
      if (performance.now() > endMs) throw this.failure(`${deadlineMs} ms without ${pattern}`);
      await new Promise((next) => setTimeout(next, 5));
    }
  }

  /** Asks for an orderly end, and kills what has not ended after five seconds. */
  async stop(): Promise<void> {
    if (this.exitCode === undefined) this.process.kill('SIGTERM');
    const deadline = setTimeout(() => killGroup(this.pid), STOP_DEADLINE_MS);
    await this.exited;
    clearTimeout(deadline);
  }

  /** Kills the whole group and waits for the end. */
  async kill(): Promise<void> {
    if (this.exitCode === undefined) killGroup(this.pid);
    await this.exited;
  }

  failure(what: string): Error {
    const shown = this.output.trim().slice(-SHOWN_CHARS);
    return new Error(`${this.#name}\n  ${what}; it printed last:\n${shown || '(nothing)'}`);
  }
}

/** The command that runs a source file of the benches, its configuration as JSON in argv. */
export function sourceCommand(path: string, config: object): readonly string[] {
  const register = join(ROOT, 'spec', 'register.cjs');
  return [process.execPath, '-r', register, path, JSON.stringify(config)];
}

/** Waits for the JSON object that a child of ours prints on a line of its own. */
export async function untilReported<Report>(child: Child, deadlineMs: number): Promise<Report> {
  const [line] = await child.untilPrinted(/^\{.*\}$/m, deadlineMs);
  return JSON.parse(line) as Report;
}

/**
 * Runs a program to its end and measures its cost, including that of its ended children. Bash's
 * `time` reads the exact figures from the kernel (getrusage), which Node cannot.
 */
export async function measure(launch: Launch, deadlineMs: number): Promise<Usage> {
  const script = 'TIMEFORMAT="%3R %3U %3S"; { time "$@" 2>&4 3>&- 4>&-; } 4>&2 2>&3';
  const child = new Child(
    { ...launch, command: ['bash', '-c', script, 'bash', ...launch.command] },
    1,
  );
  let times = '';
  const pipe = child.process.stdio[3] as NodeJS.ReadableStream | null | undefined;
  pipe?.setEncoding('utf8').on('data', (text: string) => void (times += text));
  let peakRssBytes = 0;
  let peakAnonymousBytes = 0;
  const poll = setInterval(() => {
    const timed = treeOf(child.pid)[1]; // The tree's first is bash.
    if (timed === undefined) return;
    const memory = memoryOf(timed);
    peakRssBytes = Math.max(peakRssBytes, memory.peakRssBytes);
    peakAnonymousBytes = Math.max(peakAnonymousBytes, memory.anonymousBytes);
  }, MEMORY_POLL_MS);
  let late = false;
  const deadline = setTimeout(() => {
    late = true;
    void child.kill();
  }, deadlineMs);
  await child.exited;
  clearTimeout(deadline);
  clearInterval(poll);
  if (late) throw child.failure(`did not end within ${deadlineMs / 1000} s`);
  if (child.exitCode !== 0) throw child.failure(`ended with ${child.exitCode}`);
  const [wallSec = NaN, userSec = NaN, systemSec = NaN] = times.trim().split(' ').map(Number);
  return { wallSec, userSec, systemSec, peakRssBytes, peakAnonymousBytes };
}
