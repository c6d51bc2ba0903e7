// aria2 by its command line. It connects encrypted first, and in plain text after the seeder has
// closed.

import { spawnSync } from 'node:child_process';
import { Unavailable } from './client';
import type { Client } from './client';

const ALONE = ['--no-conf', '--enable-dht=false', '--enable-dht6=false', '--bt-enable-lpd=false'];
const FAST = [
  '--bt-max-peers=0',
  '--disk-cache=64M',
  '--file-allocation=none',
  '--max-upload-limit=0',
];
const CALM = ['--summary-interval=0', '--console-log-level=notice', '--follow-torrent=false'];

export function aria2(): Client {
  const asked = spawnSync('aria2c', ['--version'], { encoding: 'utf8' });
  if (asked.status !== 0) throw new Unavailable('no aria2c (Debian: package aria2)');
  const version = /version (\S+)/.exec(asked.stdout)?.[1] ?? 'unknown';
  const base = ['aria2c', ...ALONE, ...FAST, ...CALM];
  return {
    name: `aria2 ${version}`,
    needsTracker: true,
    settleMs: 1000, // It listens before it knows the torrent.
    download: ({ torrentPath, folder }) => ({
      command: [...base, `--dir=${folder}`, '--seed-time=0', '-T', torrentPath],
    }),
    seed: ({ torrentPath, folder, port }) => ({
      command: [
        ...base,
        ...[`--dir=${folder}`, '--seed-ratio=0.0', '--bt-seed-unverified=true'],
        ...[`--listen-port=${port}`, '-T', torrentPath],
      ],
      ready: /listening on TCP port/,
    }),
    recheck: ({ torrentPath, folder }) => ({
      command: [
        ...base,
        ...[`--dir=${folder}`, '--check-integrity=true', '--hash-check-only=true'],
        ...['--seed-time=0', '-T', torrentPath],
      ],
    }),
  };
}
