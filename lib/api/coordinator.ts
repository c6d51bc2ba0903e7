// The public engine: starts the coordinator thread, checks options, creates torrents. Every call is
// a message to that thread; when it dies, every pending and later call rejects with the same error.

import { EventEmitter, once } from 'node:events';
import { resolve } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import { onAbort, unlessStopped } from '../async/on-abort';
import { MillraceError, advised } from '../errors/millrace-error';
import type { AppMessage, EngineControl, EngineEvent, EngineSettings } from '../messages/control';
import type { EngineStats } from '../messages/stats';
import type { TraceSettings } from '../messages/trace';
import { wrapControl } from '../threads/control';
import { TypedPort } from '../threads/typed-port';
import { checkValue, oneOf, wholeNumber } from './checks';
import { EngineThreads } from './engine-threads';
import { ipFilterOption, loadIpFilter } from './ip-filter';
import type { IpFilterOptions, IpFilterReport, LoadedIpFilter } from './ip-filter';
import { EngineLog } from './log';
import { findTorrent } from './magnet';
import { networkSettings } from './network-options';
import { addOptions, engineOptions, engineSettings } from './options';
import type { AddOptions, CoordinatorOptions } from './options';
import { engineLimits, periodsOf } from './rate-limits';
import type { LimitOptions } from './rate-limits';
import type { TorrentSource } from './sources';
import type { MagnetLink } from '../metainfo/magnet';
import { Torrent } from './torrent';
import { beginTrace, traceStatus } from './trace';
import type { TraceOptions, TraceStatus } from './trace';
import { VERSION } from './version';

/** How long `close` waits for the coordinator thread to end by itself before it is terminated. */
const CLOSE_DEADLINE_MS = 15_000;
/**
 * How long terminated threads may take to end. A thread inside a system call ends only after that
 * call.
 */
const END_DEADLINE_MS = 5_000;

/**
 * How long an aborted `add` waits for its cleanup. If a file system does not answer in that time,
 * `add` rejects, and the cleanup ends as soon as the file system answers.
 */
const UNDO_DEADLINE_MS = 5_000;

/** Known to `start` only, so that `new Coordinator()` cannot create an engine without threads. */
const MADE_BY_START = Symbol();

const THREAD_KIND = oneOf(['peer', 'verify', 'coordinator'] as const);

/** Events of an engine, and the arguments of their listeners. */
export interface CoordinatorEvents {
  /**
   * An incoming connection was refused, or ended before a valid handshake. It belongs to no
   * torrent. For connections of a torrent, see the event `peerClosed` of `Torrent`.
   */
  peerRejected: [Omit<Extract<EngineEvent, { type: 'peer-rejected' }>, 'type'>];
}

/**
 * A running engine with its own threads, which live until `close()`:
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
  readonly #log: EngineLog;
  readonly #trace: TraceSettings | undefined;
  readonly #onTraceLines: TraceOptions['onLines'];
  /** Includes torrents that are still being added: their events may arrive before `add` returns. */
  readonly #torrents = new Map<number, Torrent>();
  readonly #adding = new Set<number>();
  /** Fires when no torrent can be added any more: pending reads of sources are aborted. */
  readonly #ending = new AbortController();
  readonly #exited: Promise<void>;
  #nextTorrent = 1;
  readonly #bind: string | undefined;
  #port: number | undefined;
  #ipFilter: IpFilterReport | undefined;
  /** The last call of `setIpFilter`: the next one waits for it. */
  #filtering: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  private constructor(
    options: ReturnType<typeof engineOptions>,
    filter: LoadedIpFilter | undefined,
    made: typeof MADE_BY_START,
  ) {
    super();
    if (made !== MADE_BY_START)
      throw new MillraceError('bad-option', 'an engine is made by Coordinator.start()');
    this.#trace = beginTrace(options.trace, VERSION);
    this.#onTraceLines = options.trace?.onLines;
    const settings: EngineSettings = {
      ...engineSettings(options, VERSION),
      ...networkSettings(options, filter?.filter.buffer),
      trace: this.#trace,
    };
    const control = new MessageChannel();
    const events = new MessageChannel();
    this.#bind = options.bind;
    this.#log = new EngineLog(options.logger);
    if (filter) this.#noteFilter(filter.report);
    this.#threads = options.threads ?? new EngineThreads(settings.peerThreads);
    const ended = this.#threads.run(
      { settings, control: control.port2, events: events.port2 },
      (error) => this.#log.write('error', 'a thread failed', { component: 'app', error }),
    );
    let died: (error: MillraceError) => void = () => undefined;
    const death = new Promise<MillraceError>((done) => (died = done));
    // The port closes after the last event; the thread's exit may be noticed before that.
    const allEvents = once(events.port1, 'close');
    this.#exited = ended.then(async (why) => {
      events.port2.close(); // Still here if the thread ended before it was transferred.
      await allEvents;
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
      onError: (error) =>
        this.#log.write('error', 'an event listener threw', {
          component: 'app',
          error: String(error),
        }),
    });
  }

  /**
   * Starts the engine's threads. Resolves when they are ready and, unless `port` is `null`,
   * listening.
   *
   * @throws MillraceError `bad-option`, `bad-ip-filter`, `listen-failed` (port in use), `thread-start-failed`,
   * `trace-not-writable`; the reason of `options.signal`.
   */
  static async start(options: CoordinatorOptions = {}): Promise<Coordinator> {
    const checked = engineOptions(options);
    const { signal } = checked;
    signal?.throwIfAborted();
    const filter = checked.ipFilter && (await loadIpFilter(checked.ipFilter, signal));
    const coordinator = new Coordinator(checked, filter, MADE_BY_START);
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

  /** The TCP port that peers can connect to; undefined if the engine does not listen. */
  get port(): number | undefined {
    return this.#port;
  }

  /** Ranges and files of the present IP filter; undefined if there is none. */
  get ipFilter(): IpFilterReport | undefined {
    return this.#ipFilter;
  }

  /** State of the trace file; undefined without one. Also valid after `close()`. */
  get trace(): TraceStatus | undefined {
    return traceStatus(this.#trace);
  }

  /** Torrents that were added and not removed, in the order of their addition. */
  get torrents(): readonly Torrent[] {
    const added = [...this.#torrents].filter(([id]) => !this.#adding.has(id));
    return added.map(([, torrent]) => torrent);
  }

  /**
   * Adds a torrent and starts it. Existing data is trusted if the resume record covers it, else
   * checked; missing data is downloaded; then the torrent seeds, unless `seed` is false. Without
   * trackers (`metainfo.trackers` is empty) and `peers`, the torrent waits for peers that connect
   * to `port` or are added by `Torrent.addPeer`.
   *
   * For a magnet link (BEP 9; text, `URL` or result of `readMagnet`) it resolves as soon as the torrent
   * announces and dials. The metadata is then fetched from peers: until it is verified, the phase is
   * `metadata`, and `Torrent.metadata` is pending. Errors of the output are then reported by the torrent
   * (`completed`, the event `error`).
   *
   * @throws MillraceError as `readTorrent` and `readMagnet`; `already-added`, `output-locked`,
   * `output-not-writable`, `link-in-path`, `output-conflict`, `file-too-large`, `piece-too-large`,
   * `bad-peer-address`, `bad-option`, `closed`; the reason of `signal`, once nothing is left of the
   * torrent, so that it can be added again at once.
   */
  async add(source: TorrentSource | MagnetLink, options: AddOptions = {}): Promise<Torrent> {
    this.#throwIfClosing();
    const { signal, output = '.', peers, maxMetadataBytes, ...wanted } = addOptions(options);
    signal?.throwIfAborted();
    const folder = resolve(output); // Resolved now, because the working directory may change.
    const found = await this.#read(source, signal);
    signal?.throwIfAborted();
    this.#ending.signal.throwIfAborted();
    const id = this.#nextTorrent++;
    const torrent = new Torrent(id, found, this.#control, () =>
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
      const added = this.#control.add(id, {
        ...found,
        maxMetadataBytes,
        peers: [...peers, ...found.peers],
        options: { ...wanted, output: folder },
      });
      const names = await Promise.race([added, gaveUp]);
      await undone;
      signal?.throwIfAborted();
      if (names !== undefined) torrent.nameFiles(names);
    } catch (error) {
      await undone;
      this.#torrents.delete(id);
      signal?.throwIfAborted(); // The abort caused whatever else failed.
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
    // The caller attaches its listeners after this call; events that came earlier are held until
    // then.
    setImmediate(() => torrent.release());
    return torrent;
  }

  /** Reads a source until the caller's signal fires or the engine ends. */
  async #read(
    source: TorrentSource | MagnetLink,
    signal: AbortSignal | undefined,
  ): ReturnType<typeof findTorrent> {
    const stop = new AbortController();
    const unwatch = [signal, this.#ending.signal].map((each) =>
      onAbort(each, () => stop.abort(each?.reason)),
    );
    try {
      return await findTorrent(source, { signal: stop.signal, bind: this.#bind });
    } finally {
      for (const end of unwatch) end();
    }
  }

  /** Resolves when the add is undone, or after the deadline. */
  async #undoAdd(id: number): Promise<void> {
    const late = AbortSignal.timeout(UNDO_DEADLINE_MS);
    await unlessStopped(this.#control.cancelAdd(id), late).catch(() => undefined);
  }

  /**
   * Changes the engine's rate limits, which all torrents share, while it runs. Limits that are not given
   * stay as they are. Throws `bad-option`, `closed`.
   */
  async setLimits(limits: LimitOptions): Promise<void> {
    const { limitSchedule, ...rates } = engineLimits(limits);
    const periods = limitSchedule && periodsOf(limitSchedule);
    await this.#control.setLimits(undefined, rates, periods);
  }

  /**
   * Replaces the IP filter, and closes the peers that the new one refuses with `ip-filter`. Without
   * `filter`, all addresses are accepted again. After an error the old filter stays. Calls take effect
   * in their order. Resolves to the number of ranges, and what was read from each file.
   *
   * @throws MillraceError `bad-option`, `bad-ip-filter` (a file), `closed`.
   */
  async setIpFilter(filter?: IpFilterOptions): Promise<IpFilterReport | undefined> {
    const checked = checkValue('filter', () => filter, ipFilterOption);
    const done = this.#filtering.then(async () => {
      this.#throwIfClosing();
      const loaded = checked && (await loadIpFilter(checked, this.#ending.signal));
      await this.#control.setIpFilter(loaded?.filter.buffer);
      this.#noteFilter(loaded?.report);
      return loaded?.report;
    });
    this.#filtering = done.catch(() => undefined);
    return done;
  }

  #noteFilter(report: IpFilterReport | undefined): void {
    this.#ipFilter = report;
    for (const { path, malformedLines, firstMalformedLine } of report?.files ?? []) {
      if (malformedLines === 0) continue;
      const fields = { component: 'app' as const, path, malformedLines, firstMalformedLine };
      this.#log.write('warn', 'lines of the IP filter are malformed, and ignored', fields);
    }
  }

  /** Figures of the whole engine. */
  async stats(): Promise<EngineStats> {
    return this.#control.stats();
  }

  /**
   * Closes the engine: announces `stopped` to trackers (at most 2 s), syncs data, saves resume
   * records, ends the threads. May be called again. Takes at most 20 s; afterwards nothing of the
   * engine keeps the process alive.
   *
   * @throws MillraceError `close-incomplete`: a thread hangs inside a system call, for example on a
   * dead network file system. Only the end of the process ends it, and `process.exit` waits for it:
   * use a signal (`process.kill(process.pid, 'SIGKILL')`).
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    this.#ending.abort(closed());
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * For fault-injection specs: ends a thread as a crash would. Returns false if it is not running.
   */
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
      // The thread has finished, but a name look-up for a tracker may keep its event loop alive.
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
        return this.#log.write(event.level, event.message, event.fields);
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
}

function closed(): MillraceError {
  return new MillraceError('closed', 'the engine is closed: start a new Coordinator');
}
