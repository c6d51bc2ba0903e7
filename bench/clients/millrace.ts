// The engine as a user runs it: the compiled command line, with its defaults.

import { execFileSync } from 'node:child_process';
import type { Engine } from '../support/engine';
import type { Client } from './client';

/**
 * `options` are passed to `download` and `seed` instead of the defaults, and appear in the name.
 */
export function millrace(
  engine: Engine,
  node = process.execPath,
  options: readonly string[] = [],
): Client {
  const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
  const command = [node, engine.main];
  return {
    name: [`millrace, node ${version.slice(1)}`, ...options].join(' '),
    download: ({ torrentPath, folder, peers }) => ({
      command: [
        ...command,
        ...['download', torrentPath, '--output', folder, '--quiet', '--stall-timeout', '30'],
        ...peers.flatMap((peer) => ['--peer', peer]),
        ...options,
      ],
    }),
    seed: ({ torrentPath, folder, port }) => ({
      command: [
        ...command,
        ...['seed', torrentPath, '--data', folder, '--port', String(port), '--json'],
        ...options,
      ],
      ready: /"phase":"seeding"/,
    }),
    recheck: ({ torrentPath, folder }) => ({
      command: [...command, 'verify', torrentPath, '--data', folder, '--quiet'],
    }),
  };
}
