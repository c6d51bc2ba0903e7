// The real command, from its sources, in a process of its own.

import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { join } from 'node:path';

const ROOT = join(__dirname, '..', '..');

export interface Where {
  /** Options of Node. */
  readonly node?: readonly string[];
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Starts `millrace` with these arguments. */
export function startCli(
  argv: readonly string[],
  { node = [], cwd = ROOT, env = process.env }: Where = {},
): ChildProcessWithoutNullStreams {
  const main = join(ROOT, 'lib', 'cli', 'main.ts');
  const register = join(ROOT, 'spec', 'register.cjs');
  return spawn(process.execPath, [...node, '--require', register, main, ...argv], { cwd, env });
}
