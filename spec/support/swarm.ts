// Engines, folders and trackers for one spec, all closed at its end; and helpers that wait for an
// event with a deadline.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Coordinator, MillraceError } from '../../lib/index';
import type { CoordinatorOptions, EngineStats, Torrent, TorrentStats } from '../../lib/index';
import type { Payload } from './payload';
import { ScriptedSeed } from './faults/seed';
import type { SeedScript } from './faults/seed';

/** For a whole spec: engines start one by one, and from TypeScript, where every thread compiles. */
export const SPEC_TIMEOUT_MS = 90_000;

/** Shorter than the spec's own limit, whose message does not name what was awaited. */
export const DEADLINE_MS = SPEC_TIMEOUT_MS - 5_000;

/** Rejects, naming what was waited for, when the deadline passes. */
export async function within<T>(
  promise: Promise<T>,
  what: string,
  deadlineMs = DEADLINE_MS,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited too long for: ${what}`)), deadlineMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves with the torrent's figures once they satisfy the condition. */
export function untilStats(
  torrent: Torrent,
  what: string,
  wanted: (stats: TorrentStats) => boolean,
): Promise<TorrentStats> {
  let check: (() => void) | undefined;
  const met = new Promise<TorrentStats>((resolve) => {
    check = (): void => {
      if (wanted(torrent.stats())) resolve(torrent.stats());
    };
    torrent.on('stats', check);
    check();
  });
  return within(met, what).finally(() => check && torrent.off('stats', check));
}

/** Resolves with the payload of the next such event. */
export function nextEvent<T>(
  torrent: Torrent,
  event: 'pieces' | 'pieceFailed' | 'peerConnected' | 'peerClosed' | 'tracker' | 'error' | 'closed',
  wanted: (payload: T) => boolean = () => true,
): Promise<T> {
  const emitter = torrent as unknown as NodeJS.EventEmitter;
  let listener: ((payload: T) => void) | undefined;
  const met = new Promise<T>((resolve) => {
    listener = (payload): void => {
      if (wanted(payload)) resolve(payload);
    };
    emitter.on(event, listener);
  });
  return within(met, `event ${event}`).finally(() => listener && emitter.off(event, listener));
}

/** Polls the engine's figures until they satisfy the condition. */
export async function untilEngine(
  engine: Coordinator,
  what: string,
  wanted: (stats: EngineStats) => boolean,
): Promise<EngineStats> {
  const poll = async (): Promise<EngineStats> => {
    for (;;) {
      const stats = await engine.stats();
      if (wanted(stats)) return stats;
      await new Promise((done) => setTimeout(done, 20));
    }
  };
  return within(poll(), what);
}

/** Everything that one spec opens. */
export class Swarm {
  readonly #closers: (() => Promise<unknown>)[] = [];
  readonly #folders: string[] = [];

  /** A small engine: one peer thread, two verify threads, loopback only. */
  async engine(options: CoordinatorOptions = {}): Promise<Coordinator> {
    const engine = await within(
      Coordinator.start({ peerThreads: 1, verifyThreads: 2, host: '127.0.0.1', ...options }),
      'an engine to start',
    );
    this.onClose(() => engine.close());
    return engine;
  }

  async folder(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-engine-'));
    this.#folders.push(folder);
    return folder;
  }

  /** A peer with all the data that follows the script. */
  async seed(payload: Payload, script: SeedScript = {}): Promise<ScriptedSeed> {
    const seed = await ScriptedSeed.listen(payload, script);
    this.onClose(() => seed.close());
    return seed;
  }

  /** Registers a cleanup; the last runs first. Folders are removed after all of them. */
  onClose(close: () => Promise<unknown>): void {
    this.#closers.push(close);
  }

  async close(): Promise<void> {
    const errors: unknown[] = [];
    const end = async (close: () => Promise<unknown>): Promise<void> => {
      await within(close(), 'the end of a spec').catch((error: unknown) => errors.push(error));
    };
    for (const close of this.#closers.splice(0).reverse()) await end(close);
    for (const folder of this.#folders.splice(0))
      await end(() => rm(folder, { recursive: true, force: true }));
    if (errors.length > 0) throw errors[0];
  }
}

/** Resolves once all memory is free: nothing is committed or in quarantine. */
export function untilMemoryIsBack(engine: Coordinator): Promise<EngineStats> {
  return untilEngine(
    engine,
    'memory to come back',
    (stats) => stats.memoryCommittedBytes === 0 && stats.memoryQuarantinedBytes === 0,
  );
}

/** Fails unless the promise rejects with a MillraceError of that code; resolves with it. */
export async function expectCode(promise: Promise<unknown>, code: string): Promise<MillraceError> {
  const error = await rejectionOf(promise);
  expect(error).to.be.instanceOf(MillraceError);
  expect((error as MillraceError).code, (error as Error).message).to.equal(code);
  return error as MillraceError;
}

/** Fails unless the promise rejects with this very error. */
export async function expectError(promise: Promise<unknown>, error: Error): Promise<void> {
  expect(await rejectionOf(promise)).to.equal(error);
}

function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  const rejection = promise.then(
    () => {
      throw new Error('it was fulfilled');
    },
    (error: unknown) => error,
  );
  return within(rejection, 'a rejection');
}
