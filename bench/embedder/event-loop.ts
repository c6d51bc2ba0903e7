// What a download at full speed does to the event loop of the thread that embeds the engine, beside
// what the same loop shows while the engine is idle.

import { join } from 'node:path';
import { Child } from '../support/children';
import { ROOT } from '../support/engine';
import type { Engine } from '../support/engine';
import { placeFor } from '../support/places';
import type { Results } from '../support/results';
import { runRounds } from '../support/rounds';
import { checkDownload, makeTorrent, writeTorrent } from '../support/torrent';
import { startSeeders } from '../swarm/peers';
import type { EmbedderConfig, EmbedderReport } from './download';

const DEADLINE_MS = 120_000;
const PEERS = 8;

/** Runs a child of the benches, sources loaded as they are; its last line is the report. */
export async function runReporting<Report>(path: string, config: object): Promise<Report> {
  const register = join(ROOT, 'spec', 'register.cjs');
  const child = new Child({
    command: [process.execPath, '-r', register, path, JSON.stringify(config)],
  });
  try {
    const [line] = await child.untilPrinted(/^\{.*\}$/m, DEADLINE_MS);
    return JSON.parse(line) as Report;
  } finally {
    await child.kill();
  }
}

export async function benchEventLoop(
  engine: Engine,
  quick: boolean,
  results: Results,
): Promise<void> {
  const totalBytes = quick ? 2 ** 26 : 2 ** 30;
  const torrent = await makeTorrent({ salt: 0, totalBytes, pieceLengthBytes: 2 ** 20 });
  const place = placeFor('tmpfs', 1.1 * totalBytes);
  const torrentPath = writeTorrent(torrent, join(place.folder, 'bench.torrent'));
  const seeders = await startSeeders([torrent], PEERS);
  let run = 0;
  const subject = {
    name: 'embedder',
    async run() {
      const output = join(place.folder, `run-${run++}`);
      const config: EmbedderConfig = {
        engineFolder: engine.folder,
        torrentPath,
        output,
        peers: seeders.peers,
        idleMs: quick ? 500 : 3000,
      };
      const report = await runReporting<EmbedderReport>(join(__dirname, 'download.ts'), config);
      checkDownload(torrent, output);
      return { ...report, aboveIdleP99Ms: report.busyP99Ms - report.idleP99Ms };
    },
  };
  try {
    const rounds = { rounds: quick ? 1 : 5, warmUp: !quick };
    await runRounds([subject], { bench: 'event loop', peers: PEERS }, rounds, results);
  } finally {
    await seeders.stop();
  }
}
