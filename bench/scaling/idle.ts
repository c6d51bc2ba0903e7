// Many idle torrents, either waiting for peers that do not exist or seeding without peers: time to
// add them, CPU and memory at rest.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Child, untilReported } from '../support/children';
import { compileTo } from '../support/compile';
import type { Engine } from '../support/engine';
import { placeFor } from '../support/places';
import { memoryOf } from '../support/processes';
import type { Results } from '../support/results';
import { runRounds } from '../support/rounds';
import type { RoundOptions, Subject } from '../support/rounds';
import { makeTorrent, storePayload, writeTorrent } from '../support/torrent';
import type { IdleConfig, IdleReport } from './idle-program';

const DEADLINE_MS = 180_000;
const PAYLOAD_BYTES = 2 ** 16;
const PIECE_LENGTH_BYTES = 2 ** 14;

export async function benchIdle(
  engine: Engine,
  count: number,
  idleMs: number,
  rounds: RoundOptions,
  results: Results,
): Promise<void> {
  const place = placeFor('tmpfs', 4 * count * PAYLOAD_BYTES);
  const program = join(
    compileTo(join(place.folder, 'program'), [join(__dirname, 'idle-program.ts')]),
    'idle-program.js',
  );
  const torrents = await Promise.all(
    Array.from({ length: count }, (_, salt) =>
      makeTorrent({ salt, totalBytes: PAYLOAD_BYTES, pieceLengthBytes: PIECE_LENGTH_BYTES }),
    ),
  );
  const torrentPaths = torrents.map((torrent) =>
    writeTorrent(torrent, join(place.folder, 'torrents', `${torrent.name}.torrent`)),
  );
  for (const seeding of [false, true]) {
    const subject: Subject = {
      name: 'millrace',
      async run() {
        const output = join(place.folder, 'data');
        if (seeding) for (const torrent of torrents) storePayload(torrent, output);
        const config: IdleConfig = {
          engineFolder: engine.folder,
          torrentPaths,
          output,
          seeding,
          // Long enough for most garbage of the start to be collected.
          settleMs: 3 * idleMs,
          idleMs,
        };
        const child = new Child({ command: [process.execPath, program, JSON.stringify(config)] });
        try {
          const report = await untilReported<IdleReport>(child, DEADLINE_MS);
          const { rssBytes, peakRssBytes } = memoryOf(child.pid);
          return { ...report, rssMib: rssBytes / 2 ** 20, peakRssMib: peakRssBytes / 2 ** 20 };
        } finally {
          await child.kill();
          rmSync(output, { recursive: true, force: true });
        }
      },
    };
    const kind = seeding ? 'seeding to nobody' : 'waiting for peers';
    await runRounds([subject], { bench: 'idle torrents', torrents: count, kind }, rounds, results);
  }
}
