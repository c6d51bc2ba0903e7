import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { setImmediate as nextTick } from 'node:timers/promises';
import { expect } from 'chai';
import type { StorageRef } from '../../lib/messages/storage';
import type { VerifyJob } from '../../lib/messages/verify';
import { MAX_DEATHS_PER_JOB, VerifyPool } from '../../lib/verify/pool';
import type { VerifyPoolOptions } from '../../lib/verify/pool';
import { useTempFolder } from '../storage/temp';
import { CLOSED_WRITERS, ENTERED, OPEN } from '../support/storages/gated';
import type { GatedOptions } from '../support/storages/gated';
import { until as untilDeadline } from '../support/until';
import { noThread } from '../support/no-thread';

const UNIT = 16_384;
const sha1 = (bytes: Uint8Array) => createHash('sha1').update(bytes).digest('hex');

const TIMEOUT_MS = 90_000;

describe('verify pool', function () {
  // Each worker loads the TypeScript compiler first: a second of CPU, and some examples kill several.
  this.timeout(TIMEOUT_MS);
  const folder = useTempFolder();
  const slab = new SharedArrayBuffer(64 * UNIT);
  const content = new Uint8Array(slab);
  content.set(randomBytes(content.length));
  const pools: VerifyPool[] = [];
  let gate: Int32Array;
  let example = 0;
  let shared: VerifyPool;

  const open = (threads: number, more: Partial<VerifyPoolOptions> = {}): VerifyPool => {
    const start = { slab, closeEpoch: new SharedArrayBuffer(4) };
    const pool = new VerifyPool({ threads, start, ...more });
    pools.push(pool);
    return pool;
  };
  const openGate = () => {
    Atomics.store(gate, OPEN, 1);
    Atomics.notify(gate, OPEN);
  };
  before(() => {
    shared = open(1);
    pools.pop();
  });
  after(() => shared.close());
  beforeEach(() => {
    example++;
    gate = new Int32Array(new SharedArrayBuffer(12));
    shared.onThreadDeath = undefined;
  });
  afterEach(async () => {
    openGate();
    await Promise.all(pools.splice(0).map((pool) => pool.close()));
  });

  const files = (): StorageRef => ({ module: 'files', key: `files ${example}`, root: folder() });
  const gated = (hangsInClose = false): StorageRef => ({
    module: path.join(__dirname, '../support/storages/gated.ts'),
    key: `gated ${example} ${hangsInClose}`,
    root: '/',
    options: { gate: gate.buffer as SharedArrayBuffer, hangsInClose } satisfies GatedOptions,
  });
  const pieceJob = (storage: StorageRef, unit: number): VerifyJob => ({
    type: 'pieces',
    storage,
    pieces: [
      {
        piece: unit,
        lengthBytes: UNIT,
        sha1: sha1(content.subarray(unit * UNIT, (unit + 1) * UNIT)),
        segments: [unit, 1],
        spans: [{ path: 'out/file', offsetBytes: unit * UNIT, lengthBytes: UNIT }],
      },
    ],
  });
  const until = (isSo: () => boolean, what: string) =>
    untilDeadline(isSo, what, TIMEOUT_MS - 5_000);
  const entered = async (count: number): Promise<void> => {
    await until(() => Atomics.load(gate, ENTERED) >= count, `${count} workers at the gate`);
  };

  it('verifies and writes from shared memory, on several workers', async () => {
    const pool = open(2);
    const jobs = Array.from({ length: 64 }, (_, unit) =>
      pool.submit(pieceJob(files(), unit), 'live'),
    );
    expect(pool.inFlight, 'at the first worker').to.equal(2);
    expect(pool.queued).to.equal(62);
    expect(pool.running, 'for those that wait').to.equal(2);
    const results = await Promise.all(jobs);
    results.forEach((result, unit) => {
      expect(result.outcomes).to.deep.equal([{ type: 'good', piece: unit }]);
      expect(result.hashMs).to.be.at.least(0);
    });
    expect(
      (await pool.submit({ type: 'sync', storage: files(), paths: ['out/file'] }, 'sync')).error,
    ).to.equal(undefined);
    expect(fs.readFileSync(path.join(folder(), 'out/file')).equals(Buffer.from(content))).to.equal(
      true,
    );
  });

  it('runs the job of a worker that is killed in the middle of a write again', async () => {
    const pool = shared;
    const deaths: string[] = [];
    pool.onThreadDeath = (reason) => deaths.push(reason);
    const job = pool.submit(pieceJob(gated(), 1), 'live');
    await entered(1);
    expect(pool.killOneThread()).to.equal(true);
    await entered(2);
    openGate();
    const { outcomes, again } = await job;
    expect(outcomes).to.deep.equal([{ type: 'good', piece: 1 }]);
    expect(again, 'its first run may have written').to.equal(true);
    expect(deaths).to.have.length(1);
  });

  it('survives the death of the replacement while that starts', async () => {
    const pool = open(2);
    let died = 0;
    const jobs = [1, 2, 3, 4, 5].map((unit) => pool.submit(pieceJob(gated(), unit), 'live'));
    pool.onThreadDeath = () => {
      // Threads that are starting come first: this kills the replacement of the dead one.
      if (++died < 2) pool.killOneThread(0);
    };
    await entered(2);
    pool.killOneThread(0);
    await until(() => died >= 2, 'two deaths');
    openGate();
    for (const [at, result] of (await Promise.all(jobs)).entries()) {
      expect(result.outcomes).to.deep.equal([{ type: 'good', piece: at + 1 }]);
    }
    expect(Atomics.load(gate, ENTERED), 'only the job of the first dead ran twice').to.equal(6);
  });

  it('gives up on a job that took three workers with it, and goes on with others', async () => {
    const pool = shared;
    const job = pool.submit(pieceJob(gated(), 1), 'live').catch((error: Error) => error);
    for (let death = 1; death <= 3; death++) {
      await entered(death);
      pool.killOneThread();
    }
    expect(await job).to.have.property('code', 'verify-worker-died');
    const next = await pool.submit(pieceJob(files(), 2), 'live');
    expect(next.outcomes).to.deep.equal([{ type: 'good', piece: 2 }]);
  });

  it('does not say of a job that only waited that it had begun', async () => {
    const pool = shared;
    const jobs = [1, 2, 3].map((unit) => pool.submit(pieceJob(gated(), unit), 'live'));
    await entered(1);
    expect(pool.queued).to.equal(1);
    pool.killOneThread();
    await entered(2);
    openGate();
    const results = await Promise.all(jobs);
    expect(results.map(({ again }) => again)).to.deep.equal([true, true, undefined]);
  });

  /** Node refuses to start workers while `refuse` is set, and is asked for each: `asked` times. */
  const refusing = (): VerifyPoolOptions['start'] & { refuse: boolean; asked: number } =>
    Object.defineProperty(
      { slab, closeEpoch: new SharedArrayBuffer(4), refuse: false, asked: 0, more: 0 },
      'more',
      {
        enumerable: true,
        get(this: { refuse: boolean; asked: number }): number {
          this.asked++;
          if (this.refuse) throw noThread();
          return 0;
        },
      },
    );

  it('goes on with the workers that it has when Node refuses to start another', async () => {
    const start = refusing();
    const pool = open(3, { start });
    const jobs = [1, 2].map((unit) => pool.submit(pieceJob(gated(), unit), 'live'));
    await entered(1);
    start.refuse = true;
    // The first to wait is refused a worker; later, when a worker answers, Piscina would like one, too.
    for (let unit = 3; unit <= 8; unit++) jobs.push(pool.submit(pieceJob(gated(), unit), 'live'));
    expect(pool.queued).to.equal(6);
    openGate();
    for (const [at, { outcomes, again }] of (await Promise.all(jobs)).entries()) {
      expect(outcomes).to.deep.equal([{ type: 'good', piece: at + 1 }]);
      expect(again).to.equal(undefined);
    }
    expect(Atomics.load(gate, ENTERED), 'each ran once').to.equal(8);
    expect(start.asked, 'it did not ask for each job').to.equal(2);
  });

  it('outlives the death of a worker that Node refuses to replace', async () => {
    const start = refusing();
    const pool = open(2, { start });
    const jobs = [1, 2, 3].map((unit) =>
      pool.submit(pieceJob(gated(), unit), 'live').catch((error: Error) => error),
    );
    await entered(2);
    start.refuse = true;
    pool.killOneThread(0);
    pool.killOneThread(1);
    for (const error of await Promise.all(jobs)) {
      expect(error).to.have.property('code', 'verify-worker-died');
      expect(error).to.have.property('message').that.contains('no more threads');
    }
    expect(pool.queued + pool.inFlight).to.equal(0);
    start.refuse = false;
    const next = await pool.submit(pieceJob(files(), 4), 'live');
    expect(next.outcomes).to.deep.equal([{ type: 'good', piece: 4 }]);
    expect(Atomics.load(gate, ENTERED), 'what it gave up did not run').to.equal(2);
  });

  it('blames no job that waited for the deaths of workers under others', async () => {
    const pool = open(1, {
      workerPath: path.join(__dirname, '../support/faults/poisoned-worker.ts'),
    });
    const jobs = Array.from({ length: 6 }, (_, unit) =>
      pool.submit(pieceJob(files(), unit), 'live').then(
        ({ outcomes }) => outcomes[0]?.type,
        ({ code }: { code: string }) => code,
      ),
    );
    expect(await Promise.all(jobs)).to.deep.equal([
      ...Array.from({ length: 4 }, () => 'verify-worker-died'),
      'good',
      'good',
    ]);
  });

  it('blames no job for the death of a worker that is still starting', async () => {
    const births = new Int32Array(new SharedArrayBuffer(8));
    const start = { slab, closeEpoch: new SharedArrayBuffer(4), births: births.buffer };
    const workerPath = path.join(__dirname, '../support/faults/slow-heir-worker.ts');
    const pool = open(2, { start, workerPath });
    let deaths = 0;
    pool.onThreadDeath = () => deaths++;
    const first = [1, 2].map((unit) => pool.submit(pieceJob(gated(), unit), 'live'));
    await entered(1);
    const waiting = [3, 4, 5, 6].map((unit) => pool.submit(pieceJob(files(), unit), 'live'));
    await until(() => Atomics.load(births, 0) >= 2, 'another worker');
    openGate();
    await Promise.all(first);
    Atomics.store(births, 1, 1);
    Atomics.notify(births, 1);
    for (const { outcomes, again } of await Promise.all(waiting)) {
      expect(outcomes[0]?.type).to.equal('good');
      expect(again, 'no worker had it before').to.equal(undefined);
    }
    await until(() => deaths > 0, 'a death');
  });

  it('loses no job as long as fewer workers die than one job may take with it', async () => {
    // All deaths may hit the same job: it waits in front of the others after each.
    const deaths = MAX_DEATHS_PER_JOB - 1;
    const pool = open(2);
    const jobs = Array.from({ length: 24 }, async (_, unit) => {
      const { outcomes } = await pool.submit(
        pieceJob(files(), unit),
        unit % 2 ? 'live' : 'background',
      );
      if (unit % 8 === 0 && unit < 8 * deaths) pool.killOneThread();
      return outcomes;
    });
    (await Promise.all(jobs)).forEach((outcomes, unit) => {
      expect(outcomes).to.deep.equal([{ type: 'good', piece: unit }]);
    });
    expect([pool.queued, pool.inFlight]).to.deep.equal([0, 0]);
  });

  it('fails its jobs when no worker can start', async () => {
    const pool = open(1, {
      workerPath: path.join(__dirname, '../support/faults/stillborn-worker.ts'),
    });
    const job = await pool.submit(pieceJob(files(), 2), 'live').catch((error: Error) => error);
    expect(job).to.have.property('code', 'verify-worker-died');
    expect(pool.queued + pool.inFlight).to.equal(0);
  });

  it('closes while jobs wait for workers that cannot start', async () => {
    const pool = open(2, {
      workerPath: path.join(__dirname, '../support/faults/stillborn-worker.ts'),
    });
    pool.onThreadDeath = () => void pool.close();
    const jobs = [0, 1, 2, 3].map((unit) => pool.submit(pieceJob(files(), unit), 'live'));
    const codes = jobs.map((job) => job.then(String, ({ code }: { code: string }) => code));
    for (const code of await Promise.all(codes))
      expect(code).to.be.oneOf(['verify-worker-died', 'shutting-down']);
    await pool.close();
  });

  it('fails its jobs and closes when Node refuses to start any worker', async () => {
    const uncloneable = { slab, closeEpoch: new SharedArrayBuffer(4), extra: () => 0 };
    const pool = new VerifyPool({ threads: 1, start: uncloneable });
    pools.push(pool);
    const job: VerifyJob = { type: 'sync', storage: files(), paths: [] };
    const error = await pool.submit(job, 'live').catch((reason: unknown) => reason);
    expect(error).to.include({ code: 'verify-worker-died' });
    await pool.close();
  });

  it('takes live jobs before syncs before background, and one sync at a time', async () => {
    const pool = shared;
    const order: string[] = [];
    const submit = (name: string, job: VerifyJob, priority: 'live' | 'sync' | 'background') =>
      pool.submit(job, priority).then(() => order.push(name));
    const sync: VerifyJob = { type: 'sync', storage: gated(), paths: [] };
    const all = [
      submit('first sync', sync, 'sync'),
      submit('b', pieceJob(files(), 1), 'background'),
    ];
    await entered(1);
    all.push(submit('c', pieceJob(files(), 2), 'background'));
    all.push(submit('second sync', sync, 'sync'));
    all.push(submit('live', pieceJob(files(), 3), 'live'));
    expect(pool.inFlight).to.equal(2);
    openGate();
    await Promise.all(all);
    expect(order).to.deep.equal(['first sync', 'b', 'live', 'second sync', 'c']);
  });

  it('begins with one worker, and starts another for jobs that go on waiting', async () => {
    const pool = open(2);
    const deaths: string[] = [];
    pool.onThreadDeath = (reason) => deaths.push(reason);
    const stuck = [1, 2].map((unit) => pool.submit(pieceJob(gated(), unit), 'live'));
    const third = pool.submit(pieceJob(files(), 3), 'live');
    expect(pool.inFlight).to.equal(2);
    expect(pool.queued).to.equal(1);
    expect((await third).outcomes).to.deep.equal([{ type: 'good', piece: 3 }]);
    expect(pool.inFlight).to.equal(2);

    // The end of the second is not the end of the first, and not of what waits for it.
    expect(pool.killOneThread(1)).to.equal(true);
    await until(() => deaths.length > 0, 'a death');
    openGate();
    const results = await Promise.all(stuck);
    expect(results.flatMap(({ outcomes }) => outcomes)).to.deep.equal([
      { type: 'good', piece: 1 },
      { type: 'good', piece: 2 },
    ]);
    expect(Atomics.load(gate, ENTERED)).to.equal(2);
    expect(deaths).to.have.length(1);
  });

  it('makes idle workers close their writers', async () => {
    const pool = shared;
    openGate();
    await pool.submit(pieceJob(gated(), 1), 'live');
    expect(Atomics.load(gate, CLOSED_WRITERS), 'kept for the next job').to.equal(0);
    pool.closeHandles();
    await until(() => Atomics.load(gate, CLOSED_WRITERS) > 0, 'the writer to be closed');
    expect(Atomics.load(gate, ENTERED), 'without another job').to.equal(1);
  });

  it('close has each worker close its writers', async () => {
    const pool = open(2);
    const jobs = [1, 2, 3].map((unit) => pool.submit(pieceJob(gated(), unit), 'live'));
    await entered(2);
    openGate();
    await Promise.all(jobs);
    await pool.close();
    expect(Atomics.load(gate, CLOSED_WRITERS)).to.equal(2);
  });

  it('close does not wait for a writer that does not close, and closes the others', async () => {
    const pool = open(1, { writersCloseMs: 100 });
    openGate();
    await pool.submit(pieceJob(gated(true), 1), 'live');
    await pool.submit(pieceJob(gated(), 2), 'live');
    await pool.close();
    expect(Atomics.load(gate, CLOSED_WRITERS)).to.equal(1);
  });

  it('close refuses what waits, finishes what runs, and leaves nothing behind', async () => {
    const before = process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length;
    const pool = open(1);
    const jobs = [1, 2, 3].map((unit) =>
      pool.submit(pieceJob(gated(), unit), 'live').catch((error: Error) => error),
    );
    await entered(1);
    const closed = pool.close();
    openGate();
    await closed;
    const [one, two, three] = await Promise.all(jobs);
    expect([one, two].every((result) => result !== undefined && 'outcomes' in result)).to.equal(
      true,
    );
    expect(three).to.have.property('code', 'shutting-down');
    const late = await pool.submit(pieceJob(files(), 1), 'live').catch((error: Error) => error);
    expect(late).to.have.property('code', 'shutting-down');
    await pool.close();
    await nextTick();
    const after = process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length;
    expect(after).to.equal(before);
  });

  it('close of a pool that never started starts nothing, and refuses what comes', async () => {
    const ports = () =>
      process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length;
    const before = ports();
    const pool = open(2);
    const closed = pool.close();
    expect(ports()).to.equal(before);
    await closed;
    const late = await pool.submit(pieceJob(files(), 1), 'live').catch((error: Error) => error);
    expect(late).to.have.property('code', 'shutting-down');
    expect(ports()).to.equal(before);
  });
});
