// A torrent as the embedder holds it: figures, events, and a few verbs. All state is elsewhere;
// this is a view that the coordinator thread's events keep fresh.

import { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { deferred } from '../async/deferred';
import type { Deferred } from '../async/deferred';
import { onAbort } from '../async/on-abort';
import { MillraceError } from '../errors/millrace-error';
import { EMPTY_ACCOUNT } from '../messages/account';
import type { EngineControl, EngineEvent, PeerAddress } from '../messages/control';
import type { TorrentStats } from '../messages/stats';
import type { Metainfo } from '../metainfo/metainfo';
import { namedBy } from '../metainfo/names';
import type { NameMapping } from '../metainfo/names';
import { contentBytes } from '../metainfo/layout';
import { peerAddress, progressOptions, removeOptions } from './options';

type Payload<Type extends EngineEvent['type']> = Omit<
  Extract<EngineEvent, { type: Type }>,
  'type' | 'torrent'
>;

/**
 * Events of a torrent and what their listeners are called with. In the order in which they happened:
 * `peerConnected` before the `pieces` that came meanwhile, these before `peerClosed`; `stats` behind
 * what they count; `complete` and `error` behind everything that led to them; nothing after `closed`.
 *
 * A piece happens when it is verified. Only a connected peer is asked for blocks, so `pieces` follow
 * the `peerConnected` of all who sent them; those may have closed before the check was over.
 */
export interface TorrentEvents {
  /** New figures, at most four times a second; none while nothing happens. */
  stats: [TorrentStats];
  /** Pieces that were verified and written. */
  pieces: [Payload<'pieces'>];
  /** A piece failed its hash check and is fetched again. */
  pieceFailed: [Payload<'piece-failed'>];
  peerConnected: [Payload<'peer-connected'>];
  /** A connection ended, or a dial before it was one: then no `peerConnected` came before. */
  peerClosed: [Payload<'peer-closed'>];
  tracker: [Payload<'tracker'>];
  /** Every piece is verified and on disk. */
  complete: [];
  /** The torrent stopped; `resume()` tries again. Unlike Node's own, it may go unheard. */
  error: [MillraceError];
  /** The torrent was removed, or its engine ended. */
  closed: [];
}

/** Figures older than that are asked for when somebody looks at them: of a thousand, 200 a second. */
const STALE_STATS_MS = 5_000;

/** One torrent of a running `Coordinator`. */
export class Torrent extends EventEmitter<TorrentEvents> {
  /** The info hash, 40 hex digits. */
  readonly infoHash: string;
  #metainfo: Metainfo;
  readonly #id: number;
  readonly #control: EngineControl;
  readonly #wantStats: () => void;
  #stats: TorrentStats;
  /** When these figures came, or newer ones were asked for. */
  #statsMs = performance.now();
  #completion: Deferred = deferred();
  /** An error of the torrent rejected it; only then may a new promise take its place. */
  #completionFailed = false;
  /** Resolves with `closed`. */
  readonly #end: Deferred = deferred();
  #closed = false;
  /** Why the engine ended, if it did not end in order. */
  #death: MillraceError | undefined;
  /** Of the readers of `progress()`, which may be many: called at completion, errors and the end. */
  readonly #onEnd = new Set<(cause?: MillraceError) => void>();
  /** Events that came before the embedder could listen. */
  #held: EngineEvent[] | undefined = [];

  /** Made by `Coordinator.add`. */
  constructor(id: number, metainfo: Metainfo, control: EngineControl, wantStats: () => void) {
    super();
    if (typeof wantStats !== 'function')
      throw new MillraceError('bad-option', "a Torrent is made by an engine's add()");
    this.#id = id;
    this.#control = control;
    this.#wantStats = wantStats;
    this.#metainfo = metainfo;
    this.infoHash = Buffer.from(metainfo.infoHash).toString('hex');
    this.#stats = initialStats(metainfo);
  }

  /** The torrent; its files have the names that they have on disk. */
  get metainfo(): Metainfo {
    return this.#metainfo;
  }

  get name(): string {
    return this.metainfo.name;
  }

  get totalBytes(): number {
    return contentBytes(this.metainfo);
  }

  get pieceCount(): number {
    return this.metainfo.pieceCount;
  }

  get pieceLengthBytes(): number {
    return this.metainfo.pieceLengthBytes;
  }

  /** Files with their paths below the output folder, components joined by `/`. */
  get files(): readonly { readonly path: string; readonly lengthBytes: number }[] {
    return this.metainfo.files.map((file) => ({
      path: file.path.join('/'),
      lengthBytes: file.lengthBytes,
    }));
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Resolves when every piece is verified and on disk. Rejects with the torrent's error when it
   * stops, and with `closed` when it is removed first. After an error, `resume()` makes a new one.
   */
  get completed(): Promise<void> {
    return this.#completion.promise;
  }

  /**
   * The newest figures. Never waits. A torrent without peers tells none of itself while nothing happens:
   * what only time changes (its account, the seconds until the next announce) is then as old as the
   * last call, or 5 s where calls are more frequent.
   */
  stats(): TorrentStats {
    const nowMs = performance.now();
    if (nowMs - this.#statsMs > STALE_STATS_MS && !this.#closed) {
      this.#statsMs = nowMs;
      this.#wantStats();
    }
    return this.#stats;
  }

  /**
   * The newest figures every `intervalMs` (default 250): `for await (const stats of
   * torrent.progress())`. Slow readers skip some. Ends after the torrent is complete or closed;
   * throws its error.
   */
  async *progress(
    options: { readonly intervalMs?: number; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<TorrentStats, void, void> {
    const { intervalMs, signal } = progressOptions(options);
    // Not `events.on`: it queues without bound, and would call our own `pause()` to stop that.
    const end = new AbortController();
    let failure: MillraceError | undefined;
    const finish = (): void => {
      failure ??= this.#death;
      end.abort();
    };
    const fail = (error: MillraceError): void => {
      failure = error;
      end.abort();
    };
    const { phase, error } = this.#stats;
    if (this.#closed || phase === 'seeding' || phase === 'complete') finish();
    if (phase === 'failed' && error) fail(MillraceError.fromRecord(error));
    const onEnd = (cause?: MillraceError): void => (cause === undefined ? finish() : fail(cause));
    this.#onEnd.add(onEnd);
    const unwatch = onAbort(signal, () => end.abort());
    try {
      while (!end.signal.aborted) {
        yield this.stats();
        await delay(intervalMs, undefined, { signal: end.signal }).catch(() => undefined);
      }
      signal?.throwIfAborted();
      yield this.#stats;
      if (failure) throw failure;
    } finally {
      unwatch();
      this.#onEnd.delete(onEnd);
    }
  }

  /** Makes a peer known and dials it. Throws `bad-peer-address`. */
  async addPeer(peer: string | PeerAddress): Promise<void> {
    await this.#control.addPeers(this.#id, [peerAddress(peer)]);
  }

  /** Closes all peers and gives memory back; verified data and resume record stay. */
  async pause(): Promise<void> {
    await this.#control.pause(this.#id);
  }

  /** Goes on after `pause` or an error. */
  async resume(): Promise<void> {
    this.#renewCompletion();
    await this.#control.resume(this.#id);
  }

  /** Takes the torrent out of the engine. Data stays; `forget` also deletes the resume record. */
  async remove(options: { readonly forget?: boolean } = {}): Promise<void> {
    const { forget } = removeOptions(options);
    if (this.#closed) return;
    await this.#control.remove(this.#id, forget);
    await this.#end.promise; // over the port of events: those that came before are emitted before
  }

  /** `remove()` with the resume record kept. */
  async close(): Promise<void> {
    await this.remove();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Internal: the files have these names on disk. */
  nameFiles(names: NameMapping): void {
    this.#metainfo = namedBy(this.#metainfo, names, process.platform) ?? this.#metainfo;
  }

  /** Internal: applies an event of the coordinator thread. */
  handle(event: EngineEvent): void {
    if (this.#closed) return;
    if (this.#held) {
      if (event.type === 'stats') this.#keep(event.stats);
      this.#held.push(event);
      return;
    }
    switch (event.type) {
      case 'stats':
        this.#keep(event.stats);
        this.emit('stats', event.stats);
        return;
      case 'pieces':
        this.emit('pieces', { pieces: event.pieces });
        return;
      case 'piece-failed':
        this.emit('pieceFailed', event);
        return;
      case 'peer-connected':
        this.emit('peerConnected', event);
        return;
      case 'peer-closed':
        this.emit('peerClosed', event);
        return;
      case 'tracker':
        this.emit('tracker', event);
        return;
      case 'complete':
        this.#renewCompletion(); // an error from before `resume()` may arrive after it
        this.#completion.resolve();
        this.emit('complete');
        this.#tellEnd();
        return;
      case 'error': {
        const error = MillraceError.fromRecord(event.error);
        this.#completion.reject(error);
        this.#completionFailed = true;
        if (this.listenerCount('error') > 0) this.emit('error', error);
        this.#tellEnd(error);
        return;
      }
      case 'removed':
        this.end();
        return;
      case 'log':
      case 'trace':
      case 'peer-rejected':
        return; // not of a torrent
    }
  }

  #keep(stats: TorrentStats): void {
    this.#stats = stats;
    this.#statsMs = performance.now();
  }

  #renewCompletion(): void {
    if (!this.#completionFailed || this.#closed) return;
    this.#completion = deferred();
    this.#completionFailed = false;
  }

  /** Internal: listeners are in place; delivers what was held. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const event of held) this.handle(event);
  }

  /** Internal: the torrent or its engine is gone. */
  end(
    error: MillraceError = new MillraceError(
      'closed',
      `torrent ${this.name} was closed before it was complete`,
    ),
  ): void {
    if (this.#closed) return;
    this.release(); // events from before the end are emitted before it
    this.#closed = true;
    if (error.code !== 'closed') this.#death = error;
    this.#stats = { ...this.#stats, phase: 'closed' };
    this.#completion.reject(error);
    this.#end.resolve();
    this.emit('closed');
    this.#tellEnd();
  }

  #tellEnd(cause?: MillraceError): void {
    for (const tell of this.#onEnd) tell(cause);
  }
}

function initialStats(metainfo: Metainfo): TorrentStats {
  return {
    phase: 'checking',
    totalBytes: contentBytes(metainfo),
    doneBytes: 0,
    pieceCount: metainfo.pieceCount,
    piecesDone: 0,
    piecesChecked: 0,
    piecesToCheck: 0,
    downloadedBytes: 0,
    uploadedBytes: 0,
    wastedBytes: 0,
    downloadBytesPerSec: 0,
    uploadBytesPerSec: 0,
    etaSec: undefined,
    peers: { connected: 0, seeds: 0, dialing: 0, known: 0, unchoking: 0 },
    piecesFailed: 0,
    memoryBytes: 0,
    trackers: [],
    account: EMPTY_ACCOUNT,
    error: undefined,
  };
}
