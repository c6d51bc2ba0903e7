// Whole transfers between two peer-thread actors over real sockets, from real files.
import { expect } from 'chai';
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import os from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import type { StoredFile } from '../../lib/messages/storage';
import { workerFile } from '../../lib/threads/worker-file';
import { patternBytes } from '../support/pair';
import { Actor, emptyCopy, torrentOf } from './actor';

const FILES: readonly StoredFile[] = [
  { path: 'a/one', lengthBytes: 100_000 },
  { path: 'a/empty', lengthBytes: 0 },
  { path: 'a/tiny', lengthBytes: 3 },
  { path: 'b', lengthBytes: 700_001 },
  { path: 'c', lengthBytes: 1_300_000 },
];
const TOTAL = 2_100_004;

describe('net/transfer', () => {
  const actors: Actor[] = [];
  let root = '';
  const content = patternBytes(TOTAL);

  function actor(options: ConstructorParameters<typeof Actor>[0] = {}): Actor {
    const made = new Actor(options);
    actors.push(made);
    return made;
  }

  before(() => {
    root = mkdtempSync(path.join(os.tmpdir(), 'millrace-net-'));
    mkdirSync(path.join(root, 'a'));
    let at = 0;
    for (const file of FILES) {
      writeFileSync(path.join(root, file.path), content.subarray(at, at + file.lengthBytes));
      at += file.lengthBytes;
    }
  });
  afterEach(async () => {
    await Promise.all(actors.splice(0).map((made) => made.stop()));
  });
  after(() => rmSync(root, { recursive: true }));

  function torrent(pieceLengthBytes: number) {
    const storage = { module: 'files', key: `spec-${pieceLengthBytes}`, root };
    return torrentOf({ pieceLengthBytes, files: FILES, storage, have: 'all' });
  }

  for (const host of ['127.0.0.1', '::1']) {
    it(`moves many files over ${host}, whichever side dials`, async () => {
      for (const pieceLengthBytes of [16_384, 33_119, 262_144, 1_048_576]) {
        for (const leecherDials of [true, false]) {
          const seeder = actor({ thread: 1 });
          const leecher = actor({ thread: 2 });
          const whole = torrent(pieceLengthBytes);
          const wanted = emptyCopy(whole);
          seeder.order({ type: 'open-torrent', torrent: whole });
          leecher.order({ type: 'open-torrent', torrent: wanted });
          seeder.seed();
          const downloaded = leecher.download(wanted);
          const [dials, listens] = leecherDials ? [leecher, seeder] : [seeder, leecher];
          const port = await listens.listen(host);
          dials.order({ type: 'dial', dial: 5, torrent: 1, host, port });
          expect((await downloaded).equals(content)).to.equal(true);
          const connected = await dials.fact('connected');
          expect(connected).to.deep.include({ dial: 5, host, torrent: 1 });
          expect(connected.connection % 32).to.equal(dials.start.thread);
          expect((await listens.fact('connected')).dial).to.equal(undefined);
          await Promise.all([seeder.stop(), leecher.stop()]);
          const closed = await leecher.fact('closed');
          expect(closed.downloadedBytes).to.equal(TOTAL);
          expect((await seeder.fact('closed')).uploadedBytes).to.equal(TOTAL);
          const rows = leecher.of('traffic').flatMap((fact) => fact.rows);
          expect(rows.filter((_, at) => at % 4 === 1).reduce((a, b) => a + b, 0)).to.equal(TOTAL);
        }
      }
    });
  }

  it('fills one torrent from two seeders, each block once', async () => {
    const seeders = [actor({ thread: 1 }), actor({ thread: 2 })];
    const leecher = actor({ thread: 3 });
    const whole = torrent(16_384);
    const wanted = emptyCopy(whole);
    leecher.order({ type: 'open-torrent', torrent: wanted });
    const downloaded = leecher.download(wanted);
    for (const seeder of seeders) {
      seeder.order({ type: 'open-torrent', torrent: whole });
      seeder.seed();
      const port = await seeder.listen();
      leecher.order({ type: 'dial', dial: port, torrent: 1, host: '127.0.0.1', port });
    }
    expect((await downloaded).equals(content)).to.equal(true);
  });

  it('runs as a worker thread: ready, a transfer, stopped, and exits by itself', async function () {
    this.timeout(60_000); // a thread that compiles its sources while it loads them
    const seeder = actor({ thread: 1 });
    const whole = torrent(262_144);
    seeder.order({ type: 'open-torrent', torrent: whole });
    const port = await seeder.listen();
    const peerId = Buffer.from('-MR0100-spec-worker-');
    const workerData = { ...seeder.start, thread: 4, peerId };
    const worker = new Worker(workerFile('peers'), { workerData });
    const types: string[] = [];
    const seen = new Map<string, () => void>();
    worker.on('message', (facts: { type: string }[]) => {
      for (const { type } of facts) {
        types.push(type);
        seen.get(type)?.();
      }
    });
    const fact = (type: string): Promise<void> =>
      types.includes(type) ? Promise.resolve() : new Promise((resolve) => seen.set(type, resolve));
    try {
      await fact('ready');
      worker.postMessage([
        { type: 'open-torrent', torrent: emptyCopy(whole) },
        { type: 'dial', dial: 1, torrent: 1, host: '127.0.0.1', port },
      ]);
      await fact('peer-bitfield');
      const exited = once(worker, 'exit');
      worker.postMessage([{ type: 'stop' }]);
      expect((await exited)[0]).to.equal(0);
    } finally {
      await worker.terminate();
    }
    expect(types.at(-1)).to.equal('stopped');
    expect(types.filter((type) => type === 'closed')).to.have.length(1);
  });
});
