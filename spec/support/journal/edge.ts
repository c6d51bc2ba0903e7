// The edge of the coordinator: wraps every outlet, so that a tape receives all output and supplies
// all answers. Recording and replaying share it, so both see the same calls in the same order.

import { engineControl } from '../../../lib/coordinator/control';
import type { Engine, Outlets } from '../../../lib/coordinator/engine';
import { initialState } from '../../../lib/coordinator/initial-state';
import { Loop } from '../../../lib/coordinator/loop';
import type { TorrentState } from '../../../lib/coordinator/state';
import { newTurn } from '../../../lib/coordinator/turn';
import { GenerationCounter } from '../../../lib/memory/block-table';
import type { UnitState } from '../../../lib/memory/block-table';
import type { EngineControl } from '../../../lib/messages/control';
import { NO_THREADS } from '../no-threads';
import type { Start } from './journal';

/** Records or replays. `real` asks the world; a replay never calls it. */
export interface Tape {
  readonly start: Start;
  /** Output without an answer. */
  out(what: string, ...args: readonly unknown[]): void;
  /** A number that depends only on the question and on the time. */
  read(question: string, real: () => number): number;
  /** A call that returns something, at once or by a promise. */
  call(what: string, args: readonly unknown[], real: () => unknown): unknown;
  /** A call that calls back later, or before it returns; returns its number. */
  later(what: string, args: readonly unknown[], back: () => unknown, real: Later): number;
  /** The object of the world that stands behind a recorded copy. */
  original<Value>(value: Value): Value;
}

/** Asks the world to call back. */
export type Later = (back: () => unknown, id: number) => void;

/** A coordinator with a tape at its edge. */
export interface Core {
  readonly engine: Engine;
  readonly control: EngineControl;
  /** A torrent by its number, removed ones included. */
  torrent(id: number): TorrentState;
}

export function coreOf(tape: Tape, world: Outlets | undefined): Core {
  const { settings, peerId, maxBytes, minVerifyThreads } = tape.start;
  const outlets = outletsOf(tape, world);
  const engine: Engine = {
    ...outlets,
    state: initialState({
      settings,
      peerId: Buffer.from(peerId, 'hex'),
      table: outlets.table,
      maxBytes,
      minVerifyThreads,
    }),
    generations: new GenerationCounter(),
    turn: newTurn(),
    happen: (happening) => loop.happen(happening),
  };
  const loop = new Loop(engine);
  const known = new Map<number, TorrentState>();
  return {
    engine,
    control: engineControl(engine, NO_THREADS),
    torrent: (id) => {
      for (const [each, torrent] of engine.state.torrents) known.set(each, torrent);
      const torrent = known.get(id);
      if (torrent === undefined) throw new Error(`there is no torrent ${id}`);
      return torrent;
    },
  };
}

function outletsOf(tape: Tape, real: Outlets | undefined): Outlets {
  const world = (): Outlets => {
    if (real === undefined) throw new Error('a replay asked the world');
    return real;
  };
  const { out, read, call, later } = tape;
  const disk = (name: keyof Outlets['disk']): never =>
    ((...args: unknown[]) =>
      call(`disk.${name}`, args, () => methodOf(world().disk, name)(...args))) as never;
  return {
    table: {
      unitCount: tape.start.unitCount,
      assign: (unit, generation) => {
        out('assign', unit, generation);
        real?.table.assign(unit, generation);
      },
      revoke: (unit) => {
        out('revoke', unit);
        return read(`revoke ${unit}`, () => Number(world().table.revoke(unit))) === 1;
      },
      stateOf: (unit, generation) =>
        read(`state ${unit} ${generation}`, () =>
          world().table.stateOf(unit, generation),
        ) as UnitState,
      ownerOf: (unit) => read(`owner ${unit}`, () => world().table.ownerOf(unit)),
      reclaimThread: (thread) => {
        out('reclaim', thread);
        return read(`reclaim ${thread}`, () => world().table.reclaimThread(thread));
      },
    },
    verify: {
      maxJobs: tape.start.maxJobs,
      submit: (job, priority) =>
        call('submit', [job, priority], () => world().verify.submit(job, priority)) as never,
      closeHandles: () => {
        out('close-handles');
        real?.verify.closeHandles();
      },
    },
    disk: {
      namesOnDisk: disk('namesOnDisk'),
      checkOutput: disk('checkOutput'),
      openState: disk('openState'),
      openRecord: (state, shape, names) =>
        call('disk.openRecord', [shape, names], () => {
          const record = world().disk.openRecord(tape.original(state), shape, names);
          const methods = ['load', 'look', 'stat', 'save', 'remove'] as const;
          return Object.fromEntries(methods.map((name) => [name, methodOf(record, name)]));
        }) as never,
      claimFiles: disk('claimFiles'),
      findConflict: disk('findConflict'),
      statFiles: disk('statFiles'),
      cutLonger: disk('cutLonger'),
      isBlank: disk('isBlank'),
      recordedOwner: disk('recordedOwner'),
      readMade: disk('readMade'),
      noteMade: disk('noteMade'),
      forgetMade: disk('forgetMade'),
    },
    clock: {
      nowMs: () => read('now', () => world().clock.nowMs()),
      wallMs: () => read('wall', () => world().clock.wallMs()),
      after: (delayMs, callback) => {
        let cancel: (() => void) | undefined;
        const id = later('after', [delayMs], callback, (back) => {
          cancel = world().clock.after(delayMs, back);
        });
        return () => {
          out('cancel', id);
          cancel?.();
        };
      },
      soon: (callback) => {
        let cancel: (() => void) | undefined;
        const id = later('soon', [], callback, (back) => {
          cancel = world().clock.soon(back);
        });
        return () => {
          out('cancel', id);
          cancel?.();
        };
      },
    },
    order: (thread, order) => {
      out('order', thread, order);
      real?.order(thread, order);
    },
    emit: (event) => {
      out('event', event);
      real?.emit(event);
    },
    // Not noted: its words may change, and nothing depends on them.
    log: (level, message, fields) => real?.log(level, message, fields),
    announce: (url, request, signal) => {
      signal.addEventListener('abort', () => out('give up', url, request.event), { once: true });
      return call('announce', [url, request], () =>
        world().announce(url, request, signal),
      ) as never;
    },
    nowMs: () => read('now', () => world().nowMs()),
    random: () => read('dice', () => world().random()),
    paceDial: (dial) => {
      later('pace dial', [], dial, (back) => world().paceDial(back as typeof dial));
    },
    paceAnnounce: (announce, url) => {
      later('pace announce', [url], announce, (back) =>
        world().paceAnnounce(back as typeof announce, url),
      );
    },
    tickBy: (atMs) => {
      out('tick by', atMs);
      real?.tickBy(atMs);
    },
  };
}

function methodOf(owner: object, name: string): (...args: unknown[]) => unknown {
  const method = (owner as Readonly<Record<string, unknown>>)[name];
  if (typeof method !== 'function') throw new Error(`${name} is no method`);
  return (...args) => Reflect.apply(method, owner, args) as unknown;
}
