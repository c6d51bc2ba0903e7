// Measures how a download at full speed delays the event loop of the embedding thread, compared
// with the same loop while the engine is idle.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Child, untilReported } from '../support/children';
import { compileTo } from '../support/compile';
import type { Engine } from '../support/engine';
import { placeFor } from '../support/places';
import type { Results } from '../support/results';
import { runRounds } from '../support/rounds';
import { checkDownload, makeTorrent, writeTorrent } from '../support/torrent';
import { startSeeders } from '../swarm/peers';
import type { EmbedderConfig, EmbedderReport } from './download';

const DEADLINE_MS = 120_000;
const PEERS = 8;

export async function benchEventLoop(
  engine: Engine,
  quick: boolean,
  results: Results,
): Promise<void> {
  const totalBytes = quick ? 2 ** 26 : 2 ** 30;
  const torrent = await makeTorrent({ salt: 0, totalBytes, pieceLengthBytes: 2 ** 20 });
  const place = placeFor('tmpfs', 1.1 * totalBytes);
  const torrentPath = writeTorrent(torrent, join(place.folder, 'bench.torrent'));
  const program = join(
    compileTo(join(place.folder, 'program'), [join(__dirname, 'download.ts')]),
    'download.js',
  );
  const seeders = await startSeeders([torrent], PEERS);
  const subject = {
    name: 'embedder',
    async run() {
      const output = join(place.folder, 'data');
      const config: EmbedderConfig = {
        engineFolder: engine.folder,
        torrentPath,
        output,
        peers: seeders.peers,
        idleMs: quick ? 500 : 3000,
      };
      const child = new Child({ command: [process.execPath, program, JSON.stringify(config)] });
      try {
        const report = await untilReported<EmbedderReport>(child, DEADLINE_MS);
        checkDownload(torrent, output);
        return { ...report, aboveIdleP99Ms: report.busyP99Ms - report.idleP99Ms };
      } finally {
        await child.stop();
        rmSync(output, { recursive: true, force: true });
      }
    },
  };
  try {
    const rounds = { rounds: quick ? 1 : 5, warmUp: !quick };
    await runRounds([subject], { bench: 'event loop', peers: PEERS }, rounds, results);
  } finally {
    await seeders.stop();
  }
}
