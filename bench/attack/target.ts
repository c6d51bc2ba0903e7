// Child process: the engine under attack. Seeds one payload, and waits for peers of a torrent with
// the largest allowed number of pieces, whose data does not exist.
//
// Takes its configuration as JSON in argv, prints `ready` when it seeds, ends with its stdin.

import { join } from 'node:path';
import type * as millrace from '../../lib/index';

export interface TargetConfig {
  /** Compiled engine: a folder that holds `lib`. */
  readonly engine: string;
  readonly torrentPath: string;
  /** Folder with the payload. */
  readonly data: string;
  /** A torrent to leech, if any; `scratch` is its output folder. */
  readonly longTorrentPath?: string;
  readonly scratch: string;
  readonly port: number;
  readonly uploadSlots?: number;
}

async function main(): Promise<void> {
  const config = JSON.parse(process.argv[2] ?? '') as TargetConfig;
  const { engine, uploadSlots } = config;
  // Its folder is an option.
  const { Coordinator } = require(join(engine, 'lib', 'index')) as typeof millrace;
  const coordinator = await Coordinator.start({
    host: '127.0.0.1',
    port: config.port,
    maxConnections: 400,
    maxConnectionsPerTorrent: 300,
    peerThreads: 1,
    ...(uploadSlots === undefined ? {} : { uploadSlots }),
  });
  const torrent = await coordinator.add(config.torrentPath, {
    output: config.data,
    download: false,
  });
  if (config.longTorrentPath !== undefined) {
    await coordinator.add(config.longTorrentPath, { output: config.scratch });
  }
  await torrent.completed;
  console.log('ready');
  process.stdin.once('end', () => process.exit(0)).resume();
}

void main();
