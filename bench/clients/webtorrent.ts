// webtorrent 3, installed by npm without running install scripts: its native WebRTC module is never
// built, and a loader hook puts a stub in its place.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Unavailable } from './client';
import type { Client } from './client';

const PACKAGE = 'webtorrent@3';
const SCRIPT = join(__dirname, 'drive-webtorrent.mjs');
const OLDEST_NODE = 22;

/** Throws `Unavailable` on an older Node, or when the registry cannot be reached. */
export function webtorrent(node: string, scratch: string): Client {
  const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
  if (Number(/^v(\d+)/.exec(version)?.[1]) < OLDEST_NODE) {
    throw new Unavailable(
      `it needs Node ${OLDEST_NODE}, this is ${version}: see --webtorrent-node`,
    );
  }
  const folder = join(scratch, 'webtorrent');
  const install = spawnSync(
    'npm',
    ['install', '--prefix', folder, '--ignore-scripts', '--omit=optional', '--no-audit', PACKAGE],
    { encoding: 'utf8' },
  );
  const manifest = join(folder, 'node_modules', 'webtorrent', 'package.json');
  if (install.status !== 0 || !existsSync(manifest)) {
    throw new Unavailable(`npm could not install ${PACKAGE}: ${install.stderr.trim().slice(-300)}`);
  }
  const own = (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
  const environment = { WEBTORRENT: join(dirname(manifest), 'index.js') };
  return {
    name: `webtorrent ${own}, node ${version.slice(1)}`,
    download: ({ torrentPath, folder: data, peers }) => ({
      command: [node, SCRIPT, 'download', torrentPath, data, '0', peers.join(',')],
      environment,
    }),
    seed: ({ torrentPath, folder: data, port }) => ({
      command: [node, SCRIPT, 'seed', torrentPath, data, String(port)],
      environment,
      ready: /^ready$/m,
    }),
  };
}
