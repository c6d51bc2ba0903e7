// Assembles the coordinator (state, outlets to the other threads, clock), then waits for calls of
// the app thread.

import type { MessagePort } from 'node:worker_threads';
import { recordOf } from '../errors/millrace-error';
import { GenerationCounter, type BlockTable } from '../memory/block-table';
import type { Slab } from '../memory/slab';
import type { AppMessage, EngineControl, EngineEvent, EngineSettings } from '../messages/control';
import { exposeControl } from '../threads/control';
import { isLogged } from '../text/log-levels';
import { LoopLoad, ProcessLoad } from '../threads/loop-load';
import { TypedPort } from '../threads/typed-port';
import type { TrackerClient } from '../tracker/announce';
import { bindingTo } from '../transport/binding';
import { VerifyPool } from '../verify/pool';
import { AppEvents } from './outlets/app-events';
import { SYSTEM_CLOCK } from './outlets/clock';
import { engineControl, type Lifecycle } from './control';
import { SYSTEM_DISK } from './outlets/disk';
import type { Engine } from './engine';
import { initialState } from './initial-state';
import { Loop } from './loop';
import { Pacers } from './outlets/pacers';
import type { PeerThreads } from './outlets/peer-threads';
import { Ticker } from './outlets/ticker';
import { loadTrackers } from './outlets/tracker-clients';
import { newTurn } from './turn';

/** Number of verify workers that a download starts with. */
const MIN_VERIFY_THREADS = 1;

export interface RunOptions {
  readonly settings: EngineSettings;
  /** Receives the calls of the app thread. */
  readonly control: MessagePort;
  /** Sends events to the app thread. */
  readonly events: MessagePort;
  readonly threads: PeerThreads;
  readonly slab: Slab;
  readonly table: BlockTable;
  readonly peerId: Uint8Array;
  /** Upper limit to which a long piece may raise the memory budget. */
  readonly maxBytes: number;
}

export function runEngine(options: RunOptions): void {
  const { settings, control, events, threads, slab, table } = options;
  const pool = new VerifyPool({
    threads: settings.verifyThreads,
    start: { slab: slab.buffer, closeEpoch: new SharedArrayBuffer(4) },
  });
  const pacers = new Pacers(settings);
  const app = new TypedPort<EngineEvent, AppMessage>(events, {
    onMessage: (message) => {
      if (message.type === 'stats-wanted') engine.happen(message);
      else appEvents.onMessage(message);
    },
    onError: (error) => log('error', 'the app port failed', { error: recordOf(error).message }),
  });
  const appEvents = new AppEvents((batch) => {
    for (const event of batch) app.send(event);
    app.flush();
  }, SYSTEM_CLOCK);
  const log: Engine['log'] = (level, message, fields = {}) => {
    // Records that nobody wants are never made.
    if (!isLogged(level, settings.logLevel)) return;
    appEvents.emit({
      type: 'log',
      level,
      message,
      fields: { component: 'coordinator', ...fields },
    });
  };
  let trackers: TrackerClient | undefined;
  const { bind } = settings;
  const own = bind === undefined ? undefined : bindingTo(bind);

  const engine: Engine = {
    state: initialState({
      settings,
      peerId: options.peerId,
      table,
      maxBytes: options.maxBytes,
      minVerifyThreads: MIN_VERIFY_THREADS,
    }),
    table,
    generations: new GenerationCounter(),
    verify: pool,
    disk: SYSTEM_DISK,
    clock: SYSTEM_CLOCK,
    order: (thread, order) => threads.order(thread, order),
    emit: (event) => appEvents.emit(event),
    log,
    announce: (url, request, signal) => {
      trackers ??= loadTrackers(settings.version, { own });
      return trackers.announce(url, request, signal);
    },
    nowMs: () => SYSTEM_CLOCK.nowMs(),
    random: () => Math.random(),
    paceDial: (dial) => pacers.dial(dial),
    paceAnnounce: (announce, url) => pacers.announce(announce, url),
    turn: newTurn(),
    tickBy: (atMs) => ticker.by(atMs),
    happen: (happening) => loop.happen(happening),
  };
  const loop = new Loop(engine);

  threads.listen({
    onFacts: (thread, facts) => engine.happen({ type: 'facts', thread, facts }),
    onError: (error) => log('error', 'facts were lost', { error: traceOf(error) }),
    onListening: (port) => engine.happen({ type: 'listening', port }),
    onDied: (thread, error) => engine.happen({ type: 'thread-died', thread, error }),
    onRestarted: (thread) => engine.happen({ type: 'thread-restarted', thread }),
    onFailed: (error) =>
      log('error', 'a peer thread failed', { component: 'peers', error: error.message }),
  });
  pool.onThreadDeath = (reason) => engine.happen({ type: 'verify-thread-died', reason });

  const load = new LoopLoad();
  const cores = new ProcessLoad();
  const ticker = new Ticker(() => {
    engine.happen({ type: 'tick', loopBusy: load.share(), processBusy: cores.share() });
  }, SYSTEM_CLOCK);
  const lifecycle: Lifecycle = {
    start: () => threads.ready(),
    stop: async () => {
      ticker.stop();
      trackers?.close();
      await threads.stop();
      await pool.close();
      appEvents.flush();
      app.close();
      // The reply to `close` is sent first; then nothing keeps this thread alive.
      SYSTEM_CLOCK.soon(() => {
        events.close();
        control.close();
      });
    },
    kill: (kind, index) => (kind === 'peer' ? threads.kill(index) : pool.killOneThread(index)),
  };
  exposeControl<EngineControl>(engineControl(engine, lifecycle), control);
}

function traceOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
