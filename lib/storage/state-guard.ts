// Guards the coordinator's calls into an embedder's back end: an exception, an invalid result or a
// missing answer becomes one error of its torrent.
import { MillraceError, recordOf } from '../errors/millrace-error';
import type { StorageLock, StorageState, StoredRecord, StoredStat } from './storage';

/**
 * Time limit of a call. An engine that closes makes two last calls, a save and the release of a
 * lock, and `close()` gives up after 15 s: so after a call that hangs, the next ones fail at once.
 */
export const STATE_PATIENCE_MS = 10_000;

/**
 * Files per call of `stat`, so that a torrent with many files gets the time limit for each part.
 */
export const STATS_PER_CALL = 1_000;

/** Codes that a back end may use: such errors are passed on with their own message. */
const PASSED_ON: ReadonlySet<string> = new Set([
  'output-locked',
  'output-not-writable',
  'bad-resume',
]);

/** Opens the state of a back end, wrapped in a guard. */
export async function openGuarded(
  module: string,
  open: () => StorageState | Promise<StorageState> | undefined,
): Promise<StorageState> {
  const calls = new GuardedCalls(module);
  const state: Partial<StorageState> | undefined = await calls.run('openState', open, (late) =>
    calls.letGo('close', () => late?.close?.()),
  );
  if (!METHODS.every((method) => typeof state?.[method] === 'function'))
    throw calls.wrong('openState', `an object with the methods ${METHODS.join(', ')}`);
  return new GuardedState(calls, state as StorageState);
}

const METHODS = ['lock', 'load', 'save', 'remove', 'stat'] as const;

class GuardedState implements StorageState {
  readonly loadInfo?: NonNullable<StorageState['loadInfo']>;
  readonly saveInfo?: NonNullable<StorageState['saveInfo']>;
  private readonly calls: GuardedCalls;
  private readonly state: StorageState;

  constructor(calls: GuardedCalls, state: StorageState) {
    this.calls = calls;
    this.state = state;
    if (typeof state.loadInfo !== 'function' || typeof state.saveInfo !== 'function') return;
    this.loadInfo = (limitBytes) => this.infoOf(limitBytes);
    this.saveInfo = (info) => calls.run('saveInfo', () => state.saveInfo?.(info));
  }

  async lock(): Promise<StorageLock> {
    // A lock that arrives too late is released, so that it does not exclude the next engine.
    const discard = (late: StorageLock) => this.calls.letGo('release', () => late.release());
    const lock = await this.calls.run('lock', () => this.state.lock(), discard);
    if (typeof (lock as Partial<StorageLock> | undefined)?.release !== 'function')
      throw this.calls.wrong('lock', 'an object with the method release');
    return { release: () => this.calls.letGo('release', () => lock.release()) };
  }

  async load(limitBytes: number): Promise<StoredRecord | undefined> {
    const found = await this.calls.run('load', () => this.state.load(limitBytes));
    if (found === undefined) return undefined;
    if (!((found as Partial<StoredRecord> | null)?.bytes instanceof Uint8Array))
      throw this.calls.wrong('load', 'undefined or an object with a Uint8Array as bytes');
    return { bytes: found.bytes };
  }

  private async infoOf(limitBytes: number): Promise<Uint8Array | undefined> {
    const found = await this.calls.run('loadInfo', () => this.state.loadInfo?.(limitBytes));
    if (found === undefined || found.length > limitBytes) return undefined;
    if (!(found instanceof Uint8Array))
      throw this.calls.wrong('loadInfo', 'undefined or a Uint8Array');
    return found;
  }

  save(encode: () => Uint8Array): Promise<void> {
    return this.calls.run('save', () => this.state.save(encode));
  }

  remove(): Promise<void> {
    return this.calls.run('remove', () => this.state.remove());
  }

  async stat(paths: readonly string[]): Promise<(StoredStat | undefined)[]> {
    const stats: (StoredStat | undefined)[] = [];
    for (let at = 0; at < paths.length; at += STATS_PER_CALL) {
      const some = paths.slice(at, at + STATS_PER_CALL);
      const found: unknown = await this.calls.run('stat', () => this.state.stat(some));
      if (!Array.isArray(found) || found.length !== some.length || !found.every(isStat))
        throw this.calls.wrong('stat', 'undefined or { sizeBytes, mtimeNs: bigint } for each path');
      for (const stat of found as (StoredStat | undefined)[])
        stats.push(stat && { sizeBytes: stat.sizeBytes, mtimeNs: stat.mtimeNs });
    }
    return stats;
  }

  async close(): Promise<void> {
    await this.calls.letGo('close', () => this.state.close?.());
  }
}

interface Call {
  readonly name: string;
}

/** The calls into one torrent's state. */
class GuardedCalls {
  private readonly module: string;
  /** Calls that exceeded the time limit and have not ended. */
  private readonly hanging = new Set<Call>();
  /** Releasing calls that were refused because of hanging ones: made when those have ended. */
  private owed: (() => Promise<void>)[] = [];

  constructor(module: string) {
    this.module = module;
  }

  /** `discard` is called with a result that arrives too late. */
  async run<T>(
    name: string,
    call: () => T | Promise<T>,
    discard?: (late: T) => Promise<void>,
  ): Promise<T> {
    const [hung] = this.hanging;
    if (hung !== undefined) throw this.hangs(hung.name);
    const self: Call = { name };
    let timer: NodeJS.Timeout | undefined;
    let isLate = false;
    const answer = (async () => call())();
    answer.then(
      (late) => this.onAnswer(self, discard && (() => discard(late))),
      () => this.onAnswer(self),
    );
    const patience = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        isLate = true;
        this.hanging.add(self);
        reject(this.hangs(name));
      }, STATE_PATIENCE_MS);
    });
    try {
      return await Promise.race([answer, patience]);
    } catch (error) {
      throw isLate ? error : this.failed(name, error);
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Makes a releasing call. While another call hangs it fails like any other, but is made once that
   * has ended: a remaining lock would exclude this very process.
   */
  letGo(name: string, call: () => void | Promise<void>): Promise<void> {
    if (this.hanging.size > 0) this.owed.push(() => this.letGo(name, call));
    return this.run(name, call);
  }

  /** If the call was late, its result is discarded, and then the postponed releases are made. */
  private onAnswer(call: Call, discard?: () => Promise<void>): void {
    if (!this.hanging.delete(call)) return;
    if (discard) this.owed.unshift(discard);
    if (this.hanging.size === 0) void this.payOwed();
  }

  /** One after the other, as the contract requires. No caller waits for them. */
  private async payOwed(): Promise<void> {
    for (const letGo of this.owed.splice(0)) await letGo().catch(() => undefined);
  }

  private failed(name: string, error: unknown): MillraceError {
    const { code, message } = recordOf(error);
    if (PASSED_ON.has(code)) return new MillraceError(code, message);
    const { module } = this;
    return new MillraceError(
      'storage-failed',
      `the storage module ${module} failed in ${name}(): ${message}`,
      { module, call: name, cause: code },
    );
  }

  private hangs(name: string): MillraceError {
    const { module } = this;
    return new MillraceError(
      'storage-timeout',
      `the storage module ${module} did not answer ${name}() within ${STATE_PATIENCE_MS / 1000} s`,
      { module, call: name },
    );
  }

  /** The error for a result that violates the contract. */
  wrong(name: string, what: string): MillraceError {
    const { module } = this;
    const sentence = `${name}() of the storage module ${module} must answer with ${what}`;
    return new MillraceError('bad-storage', sentence, { module, call: name });
  }
}

function isStat(value: unknown): boolean {
  if (value === undefined) return true;
  const { sizeBytes, mtimeNs } = (value ?? {}) as Partial<StoredStat>;
  return Number.isSafeInteger(sizeBytes) && Number(sizeBytes) >= 0 && typeof mtimeNs === 'bigint';
}
