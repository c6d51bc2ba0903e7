// Calls of the coordinator to a back end that throws, hangs or returns invalid answers.
import { mock } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { expect } from 'chai';
import { MillraceError } from '../../lib/errors/millrace-error';
import { STATE_PATIENCE_MS, STATS_PER_CALL, openGuarded } from '../../lib/storage/state-guard';
import type { StorageLock, StorageState } from '../../lib/storage/storage';

const encode = () => new Uint8Array(1);

function stateWith(methods: Partial<StorageState>): Promise<StorageState> {
  const whole: StorageState = {
    lock: () => ({ release: () => undefined }),
    load: () => undefined,
    save: () => undefined,
    remove: () => undefined,
    stat: (paths) => paths.map(() => undefined),
    ...methods,
  };
  return openGuarded('mine.js', () => whole);
}

async function errorOf(promise: Promise<unknown> | unknown): Promise<MillraceError> {
  const error: unknown = await Promise.resolve(promise).catch((cause: unknown) => cause);
  if (error instanceof MillraceError) return error;
  throw new Error(`no error of ours: ${String(error)}`);
}

describe('storage/state-guard', () => {
  afterEach(() => mock.timers.reset());

  it('passes answers on', async () => {
    const stat = { sizeBytes: 5, mtimeNs: 7n };
    const saved: Uint8Array[] = [];
    const state = await stateWith({
      load: async () => ({ bytes: new Uint8Array(3) }),
      save: (bytes) => void saved.push(bytes()),
      stat: async () => [stat, undefined],
    });
    expect(await state.load(10)).to.deep.equal({ bytes: new Uint8Array(3) });
    await state.save(encode);
    expect(saved).to.deep.equal([new Uint8Array(1)]);
    expect(await state.stat(['a', 'b'])).to.deep.equal([stat, undefined]);
    await state.close?.();
    expect(state.folder).to.equal(undefined);
  });

  it('passes on kept metadata where the back end keeps it', async () => {
    expect(await stateWith({})).to.include({ loadInfo: undefined, saveInfo: undefined });
    const half = await stateWith({ loadInfo: () => undefined });
    expect(half.loadInfo).to.equal(undefined);
    const kept: Uint8Array[] = [];
    const state = await stateWith({
      loadInfo: () => kept[0],
      saveInfo: async (info) => void kept.push(info),
    });
    expect(await state.loadInfo?.(10)).to.equal(undefined);
    await state.saveInfo?.(new Uint8Array(5));
    expect(await state.loadInfo?.(5)).to.deep.equal(new Uint8Array(5));
    expect(await state.loadInfo?.(4), 'one that is too long').to.equal(undefined);
    const wrong = await stateWith({
      loadInfo: () => 'info' as unknown as Uint8Array,
      saveInfo: () => undefined,
    });
    expect((await errorOf(wrong.loadInfo?.(10))).message).to.include('loadInfo');
  });

  it('asks for many files a thousand at a time', async () => {
    const asked: number[] = [];
    const state = await stateWith({
      stat: (paths) => {
        asked.push(paths.length);
        return paths.map((path) => ({ sizeBytes: Number(path), mtimeNs: 0n }));
      },
    });
    const paths = Array.from({ length: STATS_PER_CALL + 3 }, (_, at) => String(at));
    const stats = await state.stat(paths);
    expect(asked).to.deep.equal([STATS_PER_CALL, 3]);
    expect(stats.map((stat) => stat?.sizeBytes)).to.deep.equal(paths.map(Number));
  });

  it('names the module and the call of an error, thrown at once or later', async () => {
    const state = await stateWith({
      load: () => {
        throw Object.assign(new Error('no route'), { code: 'EHOSTUNREACH' });
      },
      save: () => Promise.reject(new Error('quota')),
    });
    const load = await errorOf(state.load(1));
    expect(load).to.include({ code: 'storage-failed' });
    expect(load.message).to.match(/^the storage module mine\.js failed in load\(\): /);
    expect(load.details).to.deep.equal({ module: 'mine.js', call: 'load', cause: 'EHOSTUNREACH' });
    expect((await errorOf(state.save(encode))).message).to.equal(
      'the storage module mine.js failed in save(): quota',
    );
  });

  it('leaves errors that say more than that in their own words', async () => {
    const locked = Object.assign(new Error('Ann has it'), { code: 'output-locked' });
    const state = await stateWith({ lock: () => Promise.reject(locked) });
    expect(await errorOf(state.lock())).to.include({
      code: 'output-locked',
      message: 'Ann has it',
    });
  });

  it('refuses answers that break the contract', async () => {
    const wrong: readonly [keyof StorageState, unknown][] = [
      ['lock', undefined],
      ['lock', {}],
      ['load', null],
      ['load', { bytes: 'text' }],
      ['stat', undefined],
      ['stat', []],
      ['stat', [null]],
      ['stat', [{ sizeBytes: -1, mtimeNs: 0n }]],
      ['stat', [{ sizeBytes: 1, mtimeNs: 0 }]],
    ];
    for (const [method, answer] of wrong) {
      const state = await stateWith({ [method]: () => answer });
      const call = {
        lock: () => state.lock(),
        load: () => state.load(1),
        stat: () => state.stat(['a']),
      };
      const error = await errorOf(call[method as keyof typeof call]());
      expect(error.code, `${method} ${String(answer)}`).to.equal('bad-storage');
      expect(error.message).to.include(`${method}() of the storage module mine.js`);
    }
    const none = openGuarded('mine.js', () => ({}) as StorageState);
    expect((await errorOf(none)).message).to.include('lock, load, save, remove, stat');
  });

  it('gives up on a call that hangs, and on all others until it has answered', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    let answer: ((found: undefined) => void) | undefined;
    let saves = 0;
    const state = await stateWith({
      load: () => new Promise<undefined>((resolve) => (answer = resolve)),
      save: () => void saves++,
    });
    const load = errorOf(state.load(1));
    mock.timers.tick(STATE_PATIENCE_MS);
    expect(await load).to.include({
      code: 'storage-timeout',
      message: 'the storage module mine.js did not answer load() within 10 s',
    });
    expect((await errorOf(state.save(encode))).details).to.include({ call: 'load' });
    expect(saves).to.equal(0);
    answer?.(undefined);
    await setImmediate();
    await state.save(encode);
    expect(saves).to.equal(1);
  });

  it('gives a lock back that came too late', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    let answer: ((lock: StorageLock) => void) | undefined;
    const state = await stateWith({ lock: () => new Promise((resolve) => (answer = resolve)) });
    const lock = errorOf(state.lock());
    mock.timers.tick(STATE_PATIENCE_MS);
    expect((await lock).code).to.equal('storage-timeout');
    const released = new Promise<void>((resolve) => answer?.({ release: resolve }));
    await released;
  });

  it('lets go, once a call that hung has answered, of what it could not let go of before', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    let answer: (() => void) | undefined;
    const calls: string[] = [];
    const state = await stateWith({
      lock: () => ({ release: () => void calls.push('release') }),
      save: () => new Promise<void>((resolve) => (answer = resolve)),
      close: () => void calls.push('close'),
    });
    const lock = await state.lock();
    const save = errorOf(state.save(encode));
    mock.timers.tick(STATE_PATIENCE_MS);
    expect((await save).code).to.equal('storage-timeout');
    expect((await errorOf(lock.release())).code).to.equal('storage-timeout');
    expect((await errorOf(state.close?.())).code).to.equal('storage-timeout');
    expect(calls).to.deep.equal([]);
    answer?.();
    await setImmediate();
    expect(calls).to.deep.equal(['release', 'close']);
  });

  it('closes what was to be closed while its lock was waited for, after that lock is given back', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    let answer: ((lock: StorageLock) => void) | undefined;
    const calls: string[] = [];
    const state = await stateWith({
      lock: () => new Promise((resolve) => (answer = resolve)),
      close: () => void calls.push('close'),
    });
    const lock = errorOf(state.lock());
    mock.timers.tick(STATE_PATIENCE_MS);
    expect((await lock).code).to.equal('storage-timeout');
    expect((await errorOf(state.close?.())).code).to.equal('storage-timeout');
    answer?.({ release: () => void calls.push('release') });
    await setImmediate();
    expect(calls).to.deep.equal(['release', 'close']);
  });

  it('goes on refusing calls while one of two hangs', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    let fail: (error: Error) => void = () => undefined;
    const state = await stateWith({
      stat: ([path]) =>
        new Promise((_, reject) => {
          if (path === 'fails') fail = reject;
        }),
    });
    const hangs = errorOf(state.stat(['hangs']));
    mock.timers.tick(1);
    const fails = errorOf(state.stat(['fails']));
    mock.timers.tick(STATE_PATIENCE_MS - 1);
    expect((await hangs).code).to.equal('storage-timeout');
    fail(new Error('no route'));
    expect((await fails).code).to.equal('storage-failed');
    expect((await errorOf(state.save(encode))).code).to.equal('storage-timeout');
  });
});
