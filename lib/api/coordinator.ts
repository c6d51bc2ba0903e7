// The public engine: starts the coordinator thread, checks options, hands out torrents. Every call
// is a message; when that thread dies, every pending and later call rejects with one typed error.

import { EventEmitter, once } from 'node:events';
import { resolve } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import { onAbort, unlessStopped } from '../async/on-abort';
import { MillraceError, advised } from '../errors/millrace-error';
import type {
  AppMessage,
  EngineControl,
  EngineEvent,
  EngineSettings,
  LogLevel,
} from '../messages/control';
import type { EngineStats } from '../messages/stats';
import type { TraceSettings } from '../messages/trace';
import { wrapControl } from '../threads/control';
import { TypedPort } from '../threads/typed-port';
import { checkValue, oneOf, wholeNumber } from './checks';
import { EngineThreads } from './engine-threads';
import { addOptions, engineOptions, engineSettings } from './options';
import type { AddOptions, CoordinatorOptions, Logger } from './options';
import { readTorrent } from './sources';
import type { TorrentSource } from './sources';
import type { Metainfo } from '../metainfo/metainfo';
import { Torrent } from './torrent';
import { beginTrace, traceStatus } from './trace';
import type { TraceOptions, TraceStatus } from './trace';
import { VERSION } from './version';

/** How long the coordinator thread may take to end by itself before it is ended. */
const CLOSE_DEADLINE_MS = 15_000;
/** … and how long the threads may take to end then: one inside a call of the system ends only with that call. */
const END_DEADLINE_MS = 5_000;

/**
 * The longest that an aborted `add` keeps its caller waiting while it is undone. If a file system does
 * not answer in that time, `add` rejects, and is undone as soon as the file system answers.
 */
const UNDO_DEADLINE_MS = 5_000;

/** Nobody else has it: `new Coordinator()` would be an engine that nobody started. */
const MADE_BY_START = Symbol();

const THREAD_KIND = oneOf(['peer', 'verify', 'coordinator'] as const);

/** Events of an engine and what their listeners are called with. */
export interface CoordinatorEvents {
  /**
   * An incoming connection was refused, or ended before a valid handshake. It belongs to no torrent;
   * for connections that did, `Torrent` emits `peerClosed`.
   */
  peerRejected: [Omit<Extract<EngineEvent, { type: 'peer-rejected' }>, 'type'>];
}

/**
 * A running engine. Threads live until `close()`:
 *
 * ```ts
 * await using engine = await Coordinator.start();
 * const torrent = await engine.add('debian.torrent', { output: '/srv/iso' });
 * await torrent.completed;
 * ```
 */
export class Coordinator extends EventEmitter<CoordinatorEvents> {
  readonly #threads: EngineThreads;
  readonly #control: EngineControl;
  readonly #events: TypedPort<AppMessage, EngineEvent>;
  readonly #logger: Logger | undefined;
  readonly #trace: TraceSettings | undefined;
  readonly #onTraceLines: TraceOptions['onLines'];
  /** Those that are being added included: their events come early. */
  readonly #torrents = new Map<number, Torrent>();
  readonly #adding = new Set<number>();
  /** Fires when no torrent can be added any more: sources that are being read are let go of. */
  readonly #ending = new AbortController();
  readonly #exited: Promise<void>;
  #nextTorrent = 1;
  #port: number | undefined;
  #closing: Promise<void> | undefined;

  private constructor(options: ReturnType<typeof engineOptions>, made: typeof MADE_BY_START) {
    super();
    if (made !== MADE_BY_START)
      throw new MillraceError('bad-option', 'an engine is made by Coordinator.start()');
    this.#trace = beginTrace(options.trace, VERSION);
    this.#onTraceLines = options.trace?.onLines;
    const settings: EngineSettings = { ...engineSettings(options, VERSION), trace: this.#trace };
    const control = new MessageChannel();
    const events = new MessageChannel();
    this.#logger = options.logger;
    this.#threads = options.threads ?? new EngineThreads(settings.peerThreads);
    const ended = this.#threads.run(
      { settings, control: control.port2, events: events.port2 },
      (error) => this.#logger?.error({ error }, 'a thread failed'),
    );
    let died: (error: MillraceError) => void = () => undefined;
    const death = new Promise<MillraceError>((done) => (died = done));
    // The port closes behind the last event; the thread's end may be noticed before either.
    const allTold = once(events.port1, 'close');
    this.#exited = ended.then(async (why) => {
      events.port2.close(); // Still ours where the thread was gone before it could be handed over.
      await allTold;
      const error = this.#closing
        ? new MillraceError('closed', 'the engine is closed')
        : advised(
            'coordinator-died',
            `the coordinator thread ended unexpectedly (${why})`,
            'start a new Coordinator: resume records keep what was verified',
          );
      died(error);
      this.#ending.abort(error);
      control.port1.close();
      this.#events.close();
      for (const torrent of this.#torrents.values()) torrent.end(error);
      this.#torrents.clear();
    });
    this.#control = wrapControl<EngineControl>(control.port1, death);
    this.#events = new TypedPort<AppMessage, EngineEvent>(events.port1, {
      onMessage: (event) => this.#onEvent(event),
      onBatchEnd: () => this.#events.send({ type: 'events-handled' }),
      onError: (error) => this.#logger?.error({ error: String(error) }, 'an event listener threw'),
    });
  }

  /**
   * Starts the engine's threads; resolves when they are ready and listening.
   *
   * @throws MillraceError `bad-option`, `listen-failed` (port in use), `thread-start-failed`,
   *   `trace-not-writable`.
   */
  static async start(options: CoordinatorOptions = {}): Promise<Coordinator> {
    const checked = engineOptions(options);
    const { signal } = checked;
    signal?.throwIfAborted();
    const coordinator = new Coordinator(checked, MADE_BY_START);
    const unwatch = onAbort(signal, () => void coordinator.#threads.terminate());
    try {
      coordinator.#port = (await coordinator.#control.start()).port;
      return coordinator;
    } catch (error) {
      coordinator.#closing = Promise.resolve();
      await coordinator.#threads.terminate();
      signal?.throwIfAborted();
      const { lack } = coordinator.#threads;
      if (lack === undefined) throw error;
      throw new MillraceError('thread-start-failed', `no engine can start: ${lack}`);
    } finally {
      unwatch();
    }
  }

  /** The TCP port that peers can connect to; undefined when none was wanted. */
  get port(): number | undefined {
    return this.#port;
  }

  /** How far the trace's file is; undefined without one. Valid after `close()`, too. */
  get trace(): TraceStatus | undefined {
    return traceStatus(this.#trace);
  }

  /** Torrents that were added and not removed. */
  get torrents(): readonly Torrent[] {
    const added = [...this.#torrents].filter(([id]) => !this.#adding.has(id));
    return added.map(([, torrent]) => torrent);
  }

  /**
   * Adds a torrent and starts on it: what exists is trusted by its resume record or rechecked,
   * the rest is downloaded; then it is seeded unless `seed` is false.
   * A torrent without trackers (`metainfo.trackers` is empty) and without `peers` is no error: it waits
   * for peers that connect to `port` or are given by `Torrent.addPeer`.
   *
   * @throws MillraceError `torrent-unreadable`, `torrent-unreachable`, `bad-bencode`,
   *   `bad-metainfo`, `already-added`, `output-locked`, `output-not-writable`, `link-in-path`,
   *   `output-conflict`, `file-too-large`, `piece-too-large`, `bad-peer-address`, `bad-option`; the
   *   reason of `signal` once nothing is left of the torrent, so that it can be added again at once.
   */
  async add(source: TorrentSource, options: AddOptions = {}): Promise<Torrent> {
    this.#throwIfClosing();
    const { signal, output = '.', ...request } = addOptions(options);
    signal?.throwIfAborted();
    const folder = resolve(output); // Of now: the working directory may be another one later.
    const metainfo = await this.#read(source, signal);
    signal?.throwIfAborted();
    this.#ending.signal.throwIfAborted();
    const id = this.#nextTorrent++;
    const torrent = new Torrent(id, metainfo, this.#control, () =>
      this.#events.send({ type: 'stats-wanted', torrent: id }),
    );
    this.#torrents.set(id, torrent);
    this.#adding.add(id);
    let undone: Promise<void> | undefined;
    let stopWaiting: () => void = () => undefined;
    const gaveUp = new Promise<undefined>((done) => (stopWaiting = () => done(undefined)));
    const unwatch = onAbort(signal, () => {
      undone = this.#undoAdd(id).then(stopWaiting);
    });
    try {
      const added = this.#control.add(id, { ...request, metainfo, output: folder });
      const names = await Promise.race([added, gaveUp]);
      await undone;
      signal?.throwIfAborted();
      if (names !== undefined) torrent.nameFiles(names);
    } catch (error) {
      await undone;
      this.#torrents.delete(id);
      signal?.throwIfAborted(); // Then that is the reason, whatever it broke.
      throw error;
    } finally {
      this.#adding.delete(id);
      unwatch();
    }
    const unwatchLater = onAbort(signal, () => void torrent.remove().catch(() => undefined));
    torrent.once('closed', () => {
      this.#torrents.delete(id);
      unwatchLater();
    });
    // The caller attaches listeners when this call returns: events that came early wait till then.
    setImmediate(() => torrent.release());
    return torrent;
  }

  /** Until the caller's signal fires, or the engine ends. */
  async #read(source: TorrentSource, signal: AbortSignal | undefined): Promise<Metainfo> {
    const stop = new AbortController();
    const unwatch = [signal, this.#ending.signal].map((each) =>
      onAbort(each, () => stop.abort(each?.reason)),
    );
    try {
      return await readTorrent(source, { signal: stop.signal });
    } finally {
      for (const end of unwatch) end();
    }
  }

  /** Resolves when nothing is left of an add under way, or the deadline has passed. */
  async #undoAdd(id: number): Promise<void> {
    const late = AbortSignal.timeout(UNDO_DEADLINE_MS);
    await unlessStopped(this.#control.cancelAdd(id), late).catch(() => undefined);
  }

  /** Figures of the engine as a whole. */
  async stats(): Promise<EngineStats> {
    return this.#control.stats();
  }

  /**
   * Ends everything: trackers get `stopped` (2 s at most), data is synced, records saved, threads ended.
   * May be called twice; the process can exit by itself afterwards. Takes 20 s at most.
   *
   * @throws MillraceError `close-incomplete`: a thread hangs inside a call of the system, as on a network
   *   file system that is gone. Nothing but the end of the process ends it, and `process.exit` waits for it:
   *   only a signal does (`process.kill(process.pid, 'SIGKILL')`).
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    this.#ending.abort(closed());
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** For fault-injection specs: ends a thread as a crash would. */
  async killThread(kind: 'peer' | 'verify' | 'coordinator', index = 0): Promise<boolean> {
    const which = checkValue('kind', () => kind, THREAD_KIND);
    if (which !== 'coordinator') {
      return this.#control.killThread(
        which,
        checkValue('index', () => index, wholeNumber(0, 64, 0)),
      );
    }
    await this.#threads.terminate();
    return true;
  }

  async #close(): Promise<void> {
    let deadline: NodeJS.Timeout | undefined;
    const late = new Promise<void>((done) => (deadline = setTimeout(done, CLOSE_DEADLINE_MS)));
    try {
      await Promise.race([this.#control.close(), late]);
    } catch (error) {
      if (!(error instanceof MillraceError) || !['closed', 'coordinator-died'].includes(error.code))
        throw error;
    } finally {
      clearTimeout(deadline);
      // Its work is done, but a name look-up for a tracker may still hold its loop.
      await this.#ended();
    }
  }

  async #ended(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((done) => {
      timer = setTimeout(() => done('late'), END_DEADLINE_MS);
    });
    const ends = this.#threads.terminate().then(() => this.#exited);
    if ((await Promise.race([ends, late]).finally(() => clearTimeout(timer))) !== 'late') return;
    throw advised(
      'close-incomplete',
      'a thread of the engine hangs inside a call of the system and cannot be ended: a file system does not answer',
      'end the process by a signal; the next run checks again what was not recorded',
    );
  }

  #throwIfClosing(): void {
    if (this.#closing) throw closed();
  }

  #onEvent(event: EngineEvent): void {
    switch (event.type) {
      case 'log':
        return this.#log(event.level, event.message, event.fields);
      case 'trace':
        return this.#onTraceLines?.(event.lines, event.lost);
      case 'peer-rejected': {
        const { host, port, reason, detail } = event;
        this.emit('peerRejected', { host, port, reason, detail });
        return;
      }
      default:
        this.#torrents.get(event.torrent)?.handle(event);
    }
  }

  #log(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>): void {
    this.#logger?.[level](fields, message);
  }
}

function closed(): MillraceError {
  return new MillraceError('closed', 'the engine is closed: start a new Coordinator');
}
