// Files that other programs take away or change while they are served.

import { open, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { AddOptions, MillraceError, Torrent } from '../../lib/index';
import { KIB, MIB, Payload } from '../support/payload';
import { untilRecorded } from '../support/record';
import {
  SPEC_TIMEOUT_MS,
  Swarm,
  expectCode,
  nextEvent,
  untilStats,
  within,
} from '../support/swarm';

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
    const output = await swarm.folder();
    const engine = await swarm.engine();
    return engine.add(payload.torrent, { output, peers: [address] });
  }

  const harms: Record<string, (file: string) => Promise<void>> = {
    'was removed': (file) => rename(file, `${file}.away`),
    'was cut': (file) => truncate(file, 100),
  };

  for (const [what, harm] of Object.entries(harms)) {
    it(`reports that a file ${what}, closes its peers, and goes on with other torrents`, async () => {
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

  it('can fetch a cut file again in the way its message describes', async () => {
    const payload = new Payload({ lengthBytes: MIB, pieceLengthBytes: 64 * KIB });
    const seed = await served(payload);
    await truncate(join(seed.folder, 'payload.bin'), 100);
    const failed = nextEvent<MillraceError>(seed.torrent, 'error');
    await leech(payload, seed.address);
    expect((await failed).message).to.include('fetch it again by add() with the option download');
    await seed.torrent.remove();
    const peers = [(await swarm.seed(payload)).address];
    const torrent = await seed.engine.add(payload.torrent, { output: seed.folder, peers });
    await within(torrent.completed, 'the download');
    await payload.expectIn(seed.folder);
  });
});

describe('engine: data changed while downloading', function () {
  this.timeout(SPEC_TIMEOUT_MS);
  const swarm = new Swarm();
  afterEach(() => swarm.close());
  const PIECE_BYTES = 64 * KIB;

  /** A download whose seed waits at a gate half way, and the pieces that are there by then. */
  async function halfWay() {
    const payload = new Payload({ lengthBytes: 2 * MIB, pieceLengthBytes: PIECE_BYTES });
    const output = await swarm.folder(); // before the engine, which is closed before it is removed
    const seed = await swarm.seed(payload, { gateAfterBlocks: 80 });
    const engine = await swarm.engine();
    const torrent = await engine.add(payload.torrent, { output, peers: [seed.address] });
    const done: number[] = [];
    torrent.on('pieces', ({ pieces }) => done.push(...pieces));
    await untilStats(torrent, 'some of it', ({ doneBytes }) => doneBytes >= MIB / 2);
    return { payload, seed, torrent, output, done, file: join(output, 'payload.bin') };
  }

  interface Harm {
    readonly code: string;
    readonly harm: (file: string) => Promise<void>;
    /** The remedy that the message names. */
    readonly advice: string;
    /** Carries out that remedy; `options` are those of the next run. */
    readonly remedy?: (file: string) => Promise<void>;
    readonly options?: AddOptions;
  }
  const replace = async (file: string) => {
    await writeFile(`${file}.new`, Buffer.alloc(2 * MIB, 'precious'));
    await rename(`${file}.new`, file);
  };
  const harms: Record<string, Harm> = {
    'was removed or renamed': {
      code: 'data-missing',
      harm: (file) => rm(file),
      advice: 'start the download again to check what is there',
    },
    'was replaced by another file': {
      code: 'data-changed',
      harm: replace,
      advice: 'move that file away',
      remedy: (file) => rename(file, `${file}.moved`),
    },
    'was replaced by another file, which is given up': {
      code: 'data-changed',
      harm: replace,
      advice: 'the option adopt',
      options: { adopt: true },
    },
    'was cut by another program': {
      code: 'data-changed',
      harm: (file) => truncate(file, 100),
      advice: 'start the download again to check what is there',
    },
    'became longer than the torrent says': {
      code: 'data-changed',
      harm: (file) => truncate(file, 3 * MIB),
      advice: 'the option force',
      options: { force: true },
    },
  };

  for (const [what, { code, harm, advice, remedy, options }] of Object.entries(harms)) {
    it(`does not claim completion of a file that ${what}; what it advises works`, async () => {
      const { payload, seed, torrent, output, file } = await halfWay();
      const failed = expectCode(torrent.completed, code);
      await harm(file); // before the first sync, as a rule
      seed.open();
      const error = await failed;
      expect(error.message)
        .to.include(`${file} ${what.split(',')[0]}`)
        .and.include(advice);
      await untilStats(torrent, 'the end', ({ phase }) => phase === 'failed');
      await torrent.remove();
      await remedy?.(file);
      const next = await swarm.engine();
      const peers = [(await swarm.seed(payload)).address];
      const again = await next.add(payload.torrent, { output, peers, ...options });
      await within(again.completed, 'the download after all');
      await payload.expectIn(output);
    });
  }

  it('knows a file that it made for its own, also one that was cut before its first sync', async () => {
    const payload = new Payload({
      name: 'two',
      files: { small: PIECE_BYTES, large: MIB },
      pieceLengthBytes: PIECE_BYTES,
    });
    const first = await swarm.seed(payload, { pieces: [0] });
    const output = await swarm.folder();
    const options = { output, peers: [first.address] };
    const torrent = await (await swarm.engine()).add(payload.torrent, options);
    await untilStats(torrent, 'the small file', ({ doneBytes }) => doneBytes > 0);
    await truncate(join(output, 'two', 'small'), 100);
    const failed = expectCode(torrent.completed, 'data-changed');
    const peers = [(await swarm.seed(payload)).address];
    await torrent.addPeer(peers[0] ?? '');
    expect((await failed).message).to.include('start the download again');
    await torrent.remove();
    const again = await (await swarm.engine()).add(payload.torrent, { output, peers });
    await within(again.completed, 'the download after all');
    await payload.expectIn(output);
  });

  it('does not claim completion when an empty file is empty no more', async () => {
    const files = { empty: 0, data: MIB };
    const payload = new Payload({ name: 'some', files, pieceLengthBytes: PIECE_BYTES });
    const first = await swarm.seed(payload, { pieces: [0] });
    const output = await swarm.folder();
    const options = { output, peers: [first.address] };
    const torrent = await (await swarm.engine()).add(payload.torrent, options);
    await untilStats(torrent, 'a piece', ({ doneBytes }) => doneBytes > 0);
    const empty = join(output, 'some', 'empty');
    await writeFile(empty, 'something');
    const failed = expectCode(torrent.completed, 'data-changed');
    await torrent.addPeer((await swarm.seed(payload)).address);
    expect((await failed).message).to.include(`${empty} is empty in the torrent`);
    await rename(empty, `${empty}.moved`);
    await torrent.resume();
    await within(torrent.completed, 'the download after all');
    await payload.expectIn(output);
  });

  it('overwrites no file that another program put there after the download had begun', async () => {
    const files = { first: 64 * KIB, second: MIB };
    const payload = new Payload({ name: 'two', files, pieceLengthBytes: PIECE_BYTES });
    const first = await swarm.seed(payload, { pieces: [0] });
    const output = await swarm.folder();
    const options = { output, peers: [first.address] };
    const torrent = await (await swarm.engine()).add(payload.torrent, options);
    await untilStats(torrent, 'the first file', ({ doneBytes }) => doneBytes > 0);
    const second = join(output, 'two', 'second');
    await writeFile(second, 'precious');
    const failed = expectCode(torrent.completed, 'file-not-ours');
    await torrent.addPeer((await swarm.seed(payload)).address);
    expect((await failed).message)
      .to.include(second)
      .and.include('move it away');
    expect(await readFile(second, 'utf8')).to.equal('precious');
    await rename(second, `${second}.moved`);
    await torrent.resume();
    await within(torrent.completed, 'the download after all');
    await payload.expectIn(output);
  });

  it('goes on in the same engine once the file is out of the way', async () => {
    const { payload, seed, torrent, output, file } = await halfWay();
    const failed = expectCode(torrent.completed, 'data-changed');
    await replace(file);
    seed.open();
    await failed;
    await untilStats(torrent, 'the end', ({ phase }) => phase === 'failed');
    await rm(file);
    await torrent.resume();
    await within(torrent.completed, 'the download after all');
    await payload.expectIn(output);
  });

  it('reads a file again that was written to, and fetches what is wrong', async () => {
    const { payload, seed, torrent, output, done, file } = await halfWay();
    const handle = await open(file, 'r+');
    await handle.write(Buffer.alloc(100), 0, 100, (done[0] ?? 0) * PIECE_BYTES + 7);
    await handle.close();
    seed.open();
    await within(torrent.completed, 'the download');
    await payload.expectIn(output);
    expect(torrent.stats().downloadedBytes).to.be.at.least(payload.lengthBytes + PIECE_BYTES);
    expect(torrent.stats().piecesToCheck).to.be.greaterThan(0);
  });

  it('looks for every file at the end, also for those that were done long before', async () => {
    const payload = new Payload({
      name: 'two',
      files: { first: MIB, second: MIB },
      pieceLengthBytes: PIECE_BYTES,
    });
    const half = MIB / PIECE_BYTES;
    const first = await swarm.seed(payload, {
      pieces: Array.from({ length: half }, (_, piece) => piece),
    });
    const output = await swarm.folder();
    const engine = await swarm.engine();
    const torrent = await engine.add(payload.torrent, { output, peers: [first.address] });
    await untilRecorded(output, payload, half); // no sync will look at the first file again
    const file = join(output, 'two', 'first');
    await rename(file, `${file}.away`);
    const failed = expectCode(torrent.completed, 'data-missing');
    await torrent.addPeer((await swarm.seed(payload)).address);
    expect((await failed).message).to.include(file);

    // Back in its place it is read once more, and nothing is fetched again.
    await rename(`${file}.away`, file);
    const { downloadedBytes } = torrent.stats();
    await torrent.resume();
    await within(torrent.completed, 'the download after all');
    await payload.expectIn(output);
    expect(torrent.stats().downloadedBytes).to.equal(downloadedBytes);
  });
});
