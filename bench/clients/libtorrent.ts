// libtorrent through its Python binding: Debian's, or another build for which a command is given.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { Unavailable } from './client';
import type { Client } from './client';

const SCRIPT = join(__dirname, 'drive-libtorrent.py');
const DEBIAN = ['/usr/bin/python3', SCRIPT];

/**
 * `command`: a program that takes the arguments of drive-libtorrent.py. `{script}` in it stands for the
 * path of that file, so that another Python or another binding can be named:
 * `env PYTHONPATH=/opt/libtorrent python3 {script}`.
 */
export function libtorrent(command?: string): Client {
  const words =
    command === undefined
      ? DEBIAN
      : command.split(/\s+/).map((word) => word.replace('{script}', SCRIPT));
  const [file = '', ...args] = words;
  const asked = spawnSync(file, [...args, 'version'], { encoding: 'utf8' });
  if (asked.status !== 0) {
    const why = asked.error?.message ?? asked.stderr.trim().split('\n').at(-1) ?? '';
    throw new Unavailable(`${words.join(' ')}: ${why} (Debian: package python3-libtorrent)`);
  }
  return {
    name: `libtorrent ${asked.stdout.trim()}`,
    download: ({ torrentPath, folder, peers }) => ({
      command: [...words, 'download', torrentPath, folder, '0', peers.join(',')],
    }),
    seed: ({ torrentPath, folder, port }) => ({
      command: [...words, 'seed', torrentPath, folder, String(port)],
      ready: /^ready$/m,
    }),
    recheck: ({ torrentPath, folder }) => ({
      command: [...words, 'recheck', torrentPath, folder, '0'],
    }),
  };
}
