// Guards the coordinator's calls into an embedder's back end: an exception, a wrong answer or a call that takes
// too long becomes one error of its torrent.
import { MillraceError, recordOf } from '../errors/millrace-error';
import type { StorageLock, StorageState, StoredRecord, StoredStat } from './storage';

/**
 * A call that takes longer has failed. The last calls of an engine that closes are a save and the release of a
 * lock, and `close()` gives up after 15 s: after a call that hangs the next ones fail at once.
 */
export const STATE_PATIENCE_MS = 10_000;

/** Files in one call of `stat`, so that a torrent of many has as many times that long. */
export const STATS_PER_CALL = 1_000;

/** Errors by which a back end says more than "it failed": they are passed on in its words. */
const MEANT: ReadonlySet<string> = new Set(['output-locked', 'output-not-writable', 'bad-resume']);

/** Opens the state of a back end, with a guard around it. */
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
  private readonly calls: GuardedCalls;
  private readonly state: StorageState;

  constructor(calls: GuardedCalls, state: StorageState) {
    this.calls = calls;
    this.state = state;
  }

  async lock(): Promise<StorageLock> {
    // A lock that comes too late is released: it must not keep the next engine out.
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

/** The calls of one torrent's state. */
class GuardedCalls {
  private readonly module: string;
  /** Calls that have not answered in time, and still have not. */
  private readonly hanging = new Set<Call>();
  /** Calls that let go of something and were refused because of those: made when they have answered. */
  private owed: (() => Promise<void>)[] = [];

  constructor(module: string) {
    this.module = module;
  }

  /** `discard` gets an answer that came too late. */
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
   * A call that lets go of something. While another hangs it fails as all calls do, and is made once that has
   * answered: a lock that stayed would keep this very process out.
   */
  letGo(name: string, call: () => void | Promise<void>): Promise<void> {
    if (this.hanging.size > 0) this.owed.push(() => this.letGo(name, call));
    return this.run(name, call);
  }

  /** If it was late, what it brought is let go of, and then what could not be before. */
  private onAnswer(call: Call, discard?: () => Promise<void>): void {
    if (!this.hanging.delete(call)) return;
    if (discard) this.owed.unshift(discard);
    if (this.hanging.size === 0) void this.payOwed();
  }

  /** One after the other, as the contract promises. Nobody waits for them. */
  private async payOwed(): Promise<void> {
    for (const letGo of this.owed.splice(0)) await letGo().catch(() => undefined);
  }

  private failed(name: string, error: unknown): MillraceError {
    const { code, message } = recordOf(error);
    if (MEANT.has(code)) return new MillraceError(code, message);
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

  /** An answer that is not what the contract says. */
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
