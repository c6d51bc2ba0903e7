// The same bytes as 1, 10 and 100 torrents at once.

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { measure } from '../support/children';
import { compileTo } from '../support/compile';
import type { Engine } from '../support/engine';
import { shownBytes } from '../support/flags';
import { placeFor } from '../support/places';
import type { Results } from '../support/results';
import { runRounds } from '../support/rounds';
import type { RoundOptions, Subject } from '../support/rounds';
import { checkDownload, makeTorrent, writeTorrent } from '../support/torrent';
import { startSeeders } from '../swarm/peers';
import type { ManyConfig } from './many-program';

const PEERS = 8;
const DEADLINE_MS = 300_000;
const PIECE_LENGTH_BYTES = 2 ** 18;

export async function benchMany(
  engine: Engine,
  counts: readonly number[],
  totalBytes: number,
  rounds: RoundOptions,
  results: Results,
): Promise<void> {
  const place = placeFor('tmpfs', 1.2 * totalBytes);
  const program = join(
    compileTo(join(place.folder, 'program'), [join(__dirname, 'many-program.ts')]),
    'many-program.js',
  );
  for (const count of counts) {
    const each = Math.floor(totalBytes / count);
    const torrents = await Promise.all(
      Array.from({ length: count }, (_, salt) =>
        makeTorrent({ salt, totalBytes: each, pieceLengthBytes: PIECE_LENGTH_BYTES }),
      ),
    );
    const torrentPaths = torrents.map((torrent) =>
      writeTorrent(torrent, join(place.folder, `${torrent.name}.torrent`)),
    );
    const seeders = await startSeeders(torrents, PEERS);
    const subject: Subject = {
      name: 'millrace',
      async run() {
        const output = join(place.folder, 'data');
        mkdirSync(output, { recursive: true });
        const config: ManyConfig = {
          engineFolder: engine.folder,
          torrentPaths,
          output,
          peers: seeders.peers,
        };
        try {
          const command = [process.execPath, program, JSON.stringify(config)];
          const usage = await measure({ command }, DEADLINE_MS);
          for (const torrent of torrents) checkDownload(torrent, output);
          return {
            mibPerSec: (each * count) / 2 ** 20 / usage.wallSec,
            cpuSecPerGib: (usage.userSec + usage.systemSec) / ((each * count) / 2 ** 30),
            peakRssMib: usage.peakRssBytes / 2 ** 20,
          };
        } finally {
          rmSync(output, { recursive: true, force: true });
        }
      },
    };
    const what = {
      bench: 'torrents at once',
      torrents: count,
      payload: shownBytes(totalBytes),
      peers: PEERS,
    };
    try {
      await runRounds([subject], what, rounds, results);
    } finally {
      await seeders.stop();
    }
  }
}
