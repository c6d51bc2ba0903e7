// Files that other programs take away or change while they are served.

import { rename, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { MillraceError, Torrent } from '../../lib/index';
import { KIB, MIB, Payload } from '../support/payload';
import { SPEC_TIMEOUT_MS, Swarm, nextEvent, untilStats, within } from '../support/swarm';

describe('engine: data lost while seeding', function () {
  this.timeout(SPEC_TIMEOUT_MS);
  const swarm = new Swarm();
  afterEach(() => swarm.close());

  /** Data on disk, served by an engine of its own. */
  async function served(payload: Payload, engine = swarm.engine()) {
    const folder = await swarm.folder();
    await payload.write(folder);
    const seeder = await engine;
    const torrent = await seeder.add(payload.torrent, { output: folder, download: false });
    await within(torrent.completed, 'the seed');
    return { engine: seeder, torrent, folder, address: `127.0.0.1:${seeder.port}` };
  }

  async function leech(payload: Payload, address: string): Promise<Torrent> {
    const engine = await swarm.engine();
    const output = await swarm.folder();
    return engine.add(payload.torrent, { output, peers: [address] });
  }

  const harms: Record<string, (file: string) => Promise<void>> = {
    'was removed': (file) => rename(file, `${file}.away`),
    'was cut': (file) => truncate(file, 100),
  };

  for (const [what, harm] of Object.entries(harms)) {
    it(`says so when a file ${what}, closes its peers, and goes on with other torrents`, async () => {
      const payload = new Payload({ lengthBytes: MIB, pieceLengthBytes: 64 * KIB });
      const other = new Payload({ name: 'other', lengthBytes: MIB, seed: 2 });
      const seed = await served(payload);
      await served(other, Promise.resolve(seed.engine));
      const file = join(seed.folder, 'payload.bin');
      await harm(file);
      const failed = nextEvent<MillraceError>(seed.torrent, 'error');
      const closed = nextEvent<{ reason: string }>(seed.torrent, 'peerClosed');
      const leecher = await leech(payload, seed.address);
      const error = await failed;
      expect(error.code).to.equal('data-missing');
      expect(error.message).to.include(seed.folder).and.include('payload.bin is missing or ends');
      expect((await closed).reason).to.equal('torrent-failed');
      const stats = await untilStats(seed.torrent, 'failure', ({ phase }) => phase === 'failed');
      expect(stats.piecesDone, 'no piece of the file is offered').to.equal(0);
      const whole = await leech(other, seed.address);
      await within(whole.completed, 'the other torrent');

      if (what === 'was removed') await rename(`${file}.away`, file);
      else {
        await rm(file);
        await payload.write(seed.folder);
      }
      await seed.torrent.resume();
      await untilStats(seed.torrent, 'the seed again', ({ phase }) => phase === 'seeding');
      await leecher.addPeer(seed.address);
      await within(leecher.completed, 'the download after all');
    });
  }
});
