// transmission, in a network namespace with an address that is not 127/8, where it refuses peers.
// Seeders run in the namespace, too, so the path is still loopback.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Ground } from '../swarm/peers';
import { Unavailable } from './client';
import type { Client } from './client';

/** From the range for benchmarks of network devices (RFC 2544). */
const ADDRESS = '198.18.0.1';

const SETTINGS = {
  'dht-enabled': false,
  'lpd-enabled': false,
  'pex-enabled': false,
  'utp-enabled': false,
  'port-forwarding-enabled': false,
  'peer-port-random-on-start': false,
  encryption: 0,
  'cache-size-mb': 64,
  preallocation: 0,
  'peer-limit-global': 500,
  'peer-limit-per-torrent': 500,
  'upload-slots-per-torrent': 500,
};

export function transmission(): Client {
  if (spawnSync('transmission-cli', ['--version']).status !== 0) {
    throw new Unavailable('no transmission-cli (Debian: package transmission-cli)');
  }
  const version = spawnSync('transmission-cli', ['--version'], { encoding: 'utf8' });
  const shown = /transmission-cli (\S+)/.exec(version.stdout + version.stderr)?.[1] ?? 'unknown';
  const ground = makeGround();
  const settingsIn = (scratch: string): string => {
    const folder = join(scratch, 'transmission');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'settings.json'), JSON.stringify(SETTINGS));
    return folder;
  };
  return {
    name: `transmission ${shown}`,
    needsTracker: true,
    ground,
    download({ torrentPath, folder, scratch }) {
      // It never ends by itself: the script that it runs when it has everything ends it in order.
      const script = join(scratch, 'done.sh');
      writeFileSync(script, '#!/bin/sh\nkill -INT $PPID\n', { mode: 0o755 });
      return {
        command: [
          ...ground.enter,
          ...['transmission-cli', '-g', settingsIn(scratch), '-w', folder, '-M'],
          ...['-f', script, torrentPath],
        ],
      };
    },
    seed: ({ torrentPath, folder, scratch, port }) => ({
      command: [
        ...ground.enter,
        ...['transmission-cli', '-g', settingsIn(scratch), '-w', folder, '-M'],
        ...['-p', String(port), torrentPath],
      ],
      ready: /Seeding/,
    }),
  };
}

function makeGround(): Ground {
  const name = `millrace-bench-${process.pid}`;
  const ip = (...args: string[]): void => void execFileSync('ip', args, { stdio: 'pipe' });
  try {
    ip('netns', 'add', name);
    process.once('exit', () => spawnSync('ip', ['netns', 'delete', name]));
    ip('-n', name, 'address', 'add', `${ADDRESS}/32`, 'dev', 'lo');
    ip('-n', name, 'link', 'set', 'lo', 'up');
  } catch (error) {
    throw new Unavailable(`no network namespace for transmission: ${String(error)}`);
  }
  return { address: ADDRESS, enter: ['ip', 'netns', 'exec', name] };
}
