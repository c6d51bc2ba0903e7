import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import type { StorageRef, StoredSpan } from '../../lib/messages/storage';
import { JobRunner } from '../../lib/verify/run-job';
import { useTempFolder } from '../storage/temp';
import { cuttingStorage } from '../support/storages/cutting';
import { failingStorage } from '../support/storages/failing';
import { CLOSED_WRITERS, OPEN } from '../support/storages/gated';
import type { GatedOptions } from '../support/storages/gated';

const UNIT = 16_384;
const sha1 = (bytes: Uint8Array) => createHash('sha1').update(bytes).digest('hex');

describe('verify job', () => {
  const folder = useTempFolder();
  const slab = new SharedArrayBuffer(8 * UNIT);
  let runner: JobRunner;
  let storage: StorageRef;
  beforeEach(() => {
    runner = new JobRunner(slab);
    storage = { module: 'files', key: 'k', root: folder() };
  });
  afterEach(() => runner.closeHandles());

  const span = (file: string, offsetBytes: number, lengthBytes: number): StoredSpan => ({
    path: file,
    offsetBytes,
    lengthBytes,
  });

  it('writes good pieces over file borders, reports bad ones, then rechecks and digests them', async () => {
    const content = randomBytes(2 * UNIT + 351);
    const view = new Uint8Array(slab);
    view.set(content.subarray(0, UNIT), 3 * UNIT);
    view.set(content.subarray(UNIT), 0);
    const spans = [span('a', 100, 50), span('d/b', 0, UNIT), span('c', 7, UNIT + 301)];
    const good = {
      piece: 4,
      lengthBytes: content.length,
      sha1: sha1(content),
      segments: [3, 1, 0, 2],
      spans,
    };
    const bad = {
      ...good,
      piece: 5,
      sha1: '00'.repeat(20),
      spans: [span('never', 0, content.length)],
    };
    const written = await runner.run({ type: 'pieces', storage, pieces: [bad, good] });
    expect(written.outcomes.map((outcome) => outcome.type)).to.deep.equal(['bad', 'good']);
    expect(written.outcomes[0]).to.have.property('blockDigests').with.length(60);
    expect(fs.existsSync(path.join(folder(), 'never'))).to.equal(false);
    expect(
      fs.readFileSync(path.join(folder(), 'd/b')).equals(content.subarray(50, 50 + UNIT)),
    ).to.equal(true);
    const again = await runner.run({ type: 'recheck', storage, pieces: [good, bad] });
    expect(again.outcomes).to.deep.equal([
      { type: 'good', piece: 4 },
      { type: 'bad', piece: 5 },
    ]);
    const digest = await runner.run({ type: 'digest', storage, pieces: [good, bad] });
    expect(digest.outcomes[0]).to.deep.equal({ type: 'digest', piece: 4, sha1: sha1(content) });
    expect(digest.outcomes[1]).to.have.nested.property('error.code', 'file-too-short');
    fs.truncateSync(path.join(folder(), 'c'), 10);
    await runner.closeHandles();
    const cut = await runner.run({ type: 'recheck', storage, pieces: [good] });
    expect(cut.outcomes).to.deep.equal([{ type: 'bad', piece: 4 }]);
  });

  it('closes all writers at a time, and waits for those that are closing already', async () => {
    const gate = new Int32Array(new SharedArrayBuffer(12));
    Atomics.store(gate, OPEN, 1);
    const gated = (key: string, hangsInClose: boolean): StorageRef => ({
      module: path.join(__dirname, '../support/storages/gated.ts'),
      key,
      root: '/',
      options: { gate: gate.buffer, hangsInClose } satisfies GatedOptions,
    });
    const hanging = new JobRunner(slab);
    for (const [runs, hangs] of [
      [runner, false],
      [hanging, true],
      [hanging, false],
    ] as const) {
      const job = { type: 'sync', storage: gated(String(hangs), hangs), paths: [] } as const;
      expect((await runs.run(job)).error).to.equal(undefined);
    }
    void runner.closeHandles();
    await runner.closeHandles();
    expect(Atomics.load(gate, CLOSED_WRITERS)).to.equal(1);
    void hanging.closeHandles();
    await nextTurn();
    await nextTurn();
    expect(Atomics.load(gate, CLOSED_WRITERS), 'beside one that hangs').to.equal(2);
  });

  it('returns the identity of its open files, and of the files at their paths', async () => {
    const content = randomBytes(UNIT);
    new Uint8Array(slab).set(content);
    const piece = {
      piece: 0,
      lengthBytes: UNIT,
      sha1: sha1(content),
      segments: [0, 1],
      spans: [span('a', 0, 5), span('b', 0, UNIT - 5)],
    };
    const write = () => runner.run({ type: 'pieces', storage, pieces: [piece] });
    const sync = () => runner.run({ type: 'sync', storage, paths: ['a', 'b'] });
    const first = await write();
    const seen = first.written?.map(({ path: stored, before, after }) => {
      expect(after.inode).to.equal(before.inode);
      return [stored, before.sizeBytes, after.sizeBytes];
    });
    expect(seen).to.deep.equal([
      ['a', 0, 5],
      ['b', 0, UNIT - 5],
    ]);
    const { synced } = await sync();
    expect(synced).to.deep.equal(
      first.written?.map(({ path: stored, after }) => ({ path: stored, now: after })),
    );

    fs.writeFileSync(path.join(folder(), 'new'), 'other');
    fs.renameSync(path.join(folder(), 'new'), path.join(folder(), 'a'));
    fs.rmSync(path.join(folder(), 'b'));
    const later = await write();
    expect(later.written?.[0]?.before, 'the handle still has the old file').to.deep.equal(
      synced?.[0]?.now,
    );
    const [a, b] = (await sync()).synced ?? [];
    expect(a?.now?.inode).to.not.equal(synced?.[0]?.now?.inode);
    expect(b).to.deep.equal({ path: 'b', now: undefined });
  });

  it('leaves a file short that was cut between two of its writes, or after the last', async () => {
    const content = randomBytes(3 * UNIT);
    new Uint8Array(slab).set(content);
    // Pieces fill up in any order.
    const pieces = [1, 0, 2].map((piece) => ({
      piece,
      lengthBytes: UNIT,
      sha1: sha1(content.subarray(piece * UNIT, (piece + 1) * UNIT)),
      segments: [piece, 1],
      spans: [span('a', piece * UNIT, UNIT)],
    }));
    for (const [afterWrite, toBytes, sizeBytes] of [
      [9, 0, 3 * UNIT], // nobody cuts anything
      [1, 3 * UNIT - 1, 3 * UNIT - 1],
      [1, 0, 2 * UNIT], // the second write makes it longer again, with a hole
      [2, 10, UNIT],
      [3, 10, 10],
    ] as const) {
      fs.rmSync(path.join(folder(), 'a'), { force: true });
      const cutting = { ...storage, ...cuttingStorage(afterWrite, toBytes), key: `${afterWrite}` };
      const { outcomes, written } = await runner.run({ type: 'pieces', storage: cutting, pieces });
      expect(outcomes).to.deep.equal([1, 0, 2].map((piece) => ({ type: 'good', piece })));
      expect(written?.[0]).to.include({ path: 'a', endBytes: 3 * UNIT });
      expect(written?.[0]?.after.sizeBytes).to.equal(sizeBytes);
      await runner.closeHandles();
    }
  });

  it('counts no write as done that failed', async () => {
    const zeros = new Uint8Array(slab, 0, UNIT);
    const pieces = [0, 1].map((piece) => ({
      piece,
      lengthBytes: UNIT,
      sha1: sha1(zeros),
      segments: [0, 1],
      spans: [span('a', piece * UNIT, UNIT)],
    }));
    const failing = { ...storage, ...failingStorage };
    const { outcomes, written } = await runner.run({ type: 'pieces', storage: failing, pieces });
    expect(outcomes.map(({ type }) => type)).to.deep.equal(['good', 'storage-error']);
    expect(written?.[0]).to.include({ path: 'a', endBytes: UNIT });
    expect(written?.[0]?.after.sizeBytes).to.equal(UNIT);
  });

  it('does not write or read padding, and hashes it as zeros', async () => {
    const content = Buffer.concat([Buffer.alloc(100), randomBytes(UNIT), Buffer.alloc(UNIT)]);
    new Uint8Array(slab).set(content, 2 * UNIT);
    const zeros = (lengthBytes: number): StoredSpan => ({
      path: undefined,
      offsetBytes: 0,
      lengthBytes,
    });
    const piece = {
      piece: 0,
      lengthBytes: content.length,
      sha1: sha1(content),
      segments: [2, 3],
      spans: [zeros(100), span('a', 5, UNIT), zeros(UNIT)],
    };
    const written = await runner.run({ type: 'pieces', storage, pieces: [piece] });
    expect(written.outcomes).to.deep.equal([{ type: 'good', piece: 0 }]);
    expect(fs.readdirSync(folder())).to.deep.equal(['a']);
    expect(fs.readFileSync(path.join(folder(), 'a'))).to.have.length(5 + UNIT);
    const again = await runner.run({ type: 'recheck', storage, pieces: [piece] });
    expect(again.outcomes).to.deep.equal([{ type: 'good', piece: 0 }]);
  });

  it('writes nothing of a piece whose padding is not made of zeros', async () => {
    const content = randomBytes(UNIT);
    new Uint8Array(slab).set(content);
    const piece = {
      piece: 7,
      lengthBytes: UNIT,
      sha1: sha1(content),
      segments: [0, 1],
      spans: [span('a', 0, 100), { path: undefined, offsetBytes: 0, lengthBytes: UNIT - 100 }],
    };
    const { outcomes } = await runner.run({ type: 'pieces', storage, pieces: [piece] });
    expect(outcomes[0]).to.include({ type: 'storage-error', piece: 7 });
    expect(outcomes[0]).to.have.nested.property('error.code', 'bad-padding');
    expect(fs.readdirSync(folder())).to.deep.equal([]);
  });

  it('hashes pieces longer than its buffer', async () => {
    const content = randomBytes((5 << 20) + 3);
    fs.writeFileSync(path.join(folder(), 'big'), content);
    const piece = {
      piece: 0,
      lengthBytes: content.length,
      spans: [span('big', 0, content.length)],
    };
    const result = await runner.run({ type: 'digest', storage, pieces: [piece] });
    expect(result.outcomes).to.deep.equal([{ type: 'digest', piece: 0, sha1: sha1(content) }]);
  });

  it('keeps a disk error to its piece, with the code of the system', async () => {
    const full = {
      module: path.join(__dirname, '../support/storages/full-disk.ts'),
      key: 'full',
      root: folder(),
      options: { fullPath: 'full' },
    };
    const zeros = new Uint8Array(slab).subarray(7 * UNIT, 8 * UNIT);
    const piece = { lengthBytes: UNIT, sha1: sha1(zeros), segments: [7, 1] };
    const pieces = [
      { ...piece, piece: 0, spans: [span('full', 0, UNIT)] },
      { ...piece, piece: 1, spans: [span('fine', 0, UNIT)] },
    ];
    const result = await runner.run({ type: 'pieces', storage: full, pieces });
    expect(result.outcomes[0]).to.have.nested.property('error.code', 'ENOSPC');
    expect(result.outcomes[1]).to.deep.equal({ type: 'good', piece: 1 });
    const sync = await runner.run({ type: 'sync', storage: full, paths: ['full'] });
    expect(sync.error).to.have.property('code', 'ENOSPC');
  });

  it('reports storage that cannot be loaded for every piece', async () => {
    const broken = { module: './nowhere', key: 'x', root: folder() };
    const piece = { lengthBytes: 1, spans: [] };
    const pieces = [
      { ...piece, piece: 0 },
      { ...piece, piece: 1 },
    ];
    const result = await runner.run({ type: 'digest', storage: broken, pieces });
    for (const outcome of result.outcomes) {
      expect(outcome).to.have.nested.property('error.code', 'bad-storage');
    }
    expect(result.outcomes).to.have.length(2);
    const empty = await runner.run({ type: 'create-empty', storage: broken, paths: ['a'] });
    expect(empty.error).to.have.property('code', 'bad-storage');
  });

  it('creates empty files and syncs', async () => {
    expect(
      await runner.run({ type: 'create-empty', storage, paths: ['x/y', 'z'] }),
    ).to.not.have.property('error');
    expect(await runner.run({ type: 'sync', storage, paths: ['x/y', 'z'] })).to.not.have.property(
      'error',
    );
    expect(fs.statSync(path.join(folder(), 'x/y')).size).to.equal(0);
  });
});
