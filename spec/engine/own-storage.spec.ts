// A custom storage back end that keeps a lock and a record, with the same guarantees as files.

import { appendFile, readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { objectStorage, readsOf, setFailing } from '../support/object-storage';
import { KIB, Payload } from '../support/payload';
import { SPEC_TIMEOUT_MS, Swarm, expectCode, untilStats, within } from '../support/swarm';

const FILES = { 'a.bin': 300 * KIB, empty: 0, 'd/b.bin': 200 * KIB };

describe('engine: a storage of its own', function () {
  this.timeout(SPEC_TIMEOUT_MS);
  const swarm = new Swarm();
  const payload = new Payload({ name: 'objects', files: FILES, pieceLengthBytes: 64 * KIB });
  let output = '';
  let bucket = '';
  beforeEach(async () => {
    output = await swarm.folder();
    bucket = await swarm.folder();
  });
  afterEach(() => swarm.close());

  /** Downloads all of it into the bucket, by an engine that is gone afterwards. */
  async function download(): Promise<void> {
    const seed = await swarm.seed(payload);
    const engine = await swarm.engine();
    const peers = [seed.address];
    const storage = objectStorage(bucket);
    const torrent = await engine.add(payload.torrent, { output, storage, peers });
    await within(torrent.completed, 'the download');
    await engine.close();
  }

  it('resumes after a restart, and reads nothing again', async () => {
    await download();
    expect(await readdir(output), 'nothing is written beside it').to.deep.equal([]);
    const storage = objectStorage(bucket);
    const engine = await swarm.engine();
    const torrent = await engine.add(payload.torrent, { output, storage });
    await within(torrent.completed, 'the second run');
    expect(torrent.stats()).to.include({ piecesToCheck: 0, doneBytes: 500 * KIB });
    expect(readsOf(storage)).to.equal(0);
    await torrent.remove({ forget: true });
    const again = await engine.add(payload.torrent, { output, storage });
    await within(again.completed, 'a run without a record');
    expect(readsOf(storage)).to.be.above(0);
  });

  it('checks the objects that were changed behind its back, and no other', async () => {
    await download();
    await utimes(join(bucket, encodeURIComponent('objects/d/b.bin')), 1, 1);
    const engine = await swarm.engine();
    const storage = objectStorage(bucket);
    const torrent = await engine.add(payload.torrent, { output, storage });
    await within(torrent.completed, 'the second run');
    // 200 KiB from 300 KiB on: pieces 4 to 7.
    expect(torrent.stats()).to.include({ piecesToCheck: 4, doneBytes: 500 * KIB });
  });

  it('is kept to one engine by its own lock', async () => {
    const first = await swarm.engine();
    const torrent = await first.add(payload.torrent, { output, storage: objectStorage(bucket) });
    const second = await swarm.engine();
    const add = () => second.add(payload.torrent, { output, storage: objectStorage(bucket) });
    const error = await expectCode(add(), 'output-locked');
    expect(error.message).to.equal('the bucket is in use by somebody else');
    await torrent.remove();
    await add();
  });

  for (const fails of ['lock', 'load', 'stat'] as const) {
    it(`whose ${fails} fails ends the add with one error that names it`, async () => {
      const engine = await swarm.engine();
      const storage = objectStorage(bucket);
      setFailing(bucket, fails, true);
      const error = await expectCode(
        engine.add(payload.torrent, { output, storage }),
        'storage-failed',
      );
      expect(error.message).to.equal(
        `the storage module ${storage.module} failed in ${fails}(): the bucket is on fire`,
      );
      expect(error.details).to.include({ module: storage.module, call: fails });
      setFailing(bucket, fails, false);
      await engine.add(payload.torrent, { output, storage }); // the lock was given back
    });
  }

  it('that fails later stops its torrent with one error, and loses nothing', async () => {
    const seed = await swarm.seed(payload);
    const engine = await swarm.engine();
    const storage = objectStorage(bucket);
    const torrent = await engine.add(payload.torrent, { output, storage });
    await untilStats(torrent, 'the download', ({ phase }) => phase === 'downloading');
    setFailing(bucket, 'stat', true);
    const completed = expectCode(torrent.completed, 'storage-failed');
    await torrent.addPeer(seed.address);
    expect((await within(completed, 'its end')).message).to.include('failed in stat()');
    expect(torrent.stats()).to.include({ phase: 'failed' });
    const { bytesSent } = seed;
    setFailing(bucket, 'stat', false);
    await torrent.resume();
    await within(torrent.completed, 'the rest');
    expect(seed.bytesSent).to.equal(bytesSent);
    expect(torrent.stats()).to.include({ doneBytes: 500 * KIB });
  });

  it('with an invalid record is checked as without one', async () => {
    await download();
    const [record = ''] = (await readdir(bucket)).filter((name) => name.startsWith('record'));
    await appendFile(join(bucket, record), 'x');
    const engine = await swarm.engine();
    const storage = objectStorage(bucket);
    const torrent = await engine.add(payload.torrent, { output, storage });
    const { piecesToCheck } = await untilStats(
      torrent,
      'the end',
      ({ phase }) => phase === 'seeding',
    );
    expect(piecesToCheck).to.equal(payload.metainfo.pieceCount);
  });
});
