// A torrent of an engine: figures, events, and commands. Its state lives in the coordinator thread;
// this is a view that events keep up to date.

import { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { deferred } from '../async/deferred';
import { onAbort } from '../async/on-abort';
import { toHex } from '../bytes/hex';
import { MillraceError } from '../errors/millrace-error';
import { EMPTY_ACCOUNT } from '../messages/account';
import type { AddRequest, EngineControl, EngineEvent, PeerAddress } from '../messages/control';
import { NO_LIMITS } from '../messages/rates';
import type { TorrentStats } from '../messages/stats';
import type { Metainfo } from '../metainfo/metainfo';
import { namedBy } from '../metainfo/names';
import type { NameMapping } from '../metainfo/names';
import { contentBytes } from '../metainfo/layout';
import { Milestone } from './milestone';
import { wrong } from './checks';
import { peerAddress, progressOptions, removeOptions } from './options';
import { torrentLimits } from './rate-limits';
import type { RateLimitOptions } from './rate-limits';

type Payload<Type extends EngineEvent['type']> = Omit<
  Extract<EngineEvent, { type: Type }>,
  'type' | 'torrent'
>;

/**
 * Events of a torrent, and the arguments of their listeners. They arrive in the order in which they
 * happened: `peerConnected` before the `pieces` received during the connection, these before
 * `peerClosed`; `stats` after what they count; `complete` and `error` after everything that led to
 * them; nothing after `closed`.
 *
 * A piece happens when it is verified. Blocks are requested only from connected peers, so `pieces`
 * comes after the `peerConnected` of every peer that sent a part of them; these may have closed
 * before the piece was verified.
 */
export interface TorrentEvents {
  /** Once, and only for a torrent that was added by a magnet link: its metadata is known. */
  metadata: [Metainfo];
  /** New figures, at most four times a second; none while nothing changes. */
  stats: [TorrentStats];
  /** Pieces that were verified and written. */
  pieces: [Payload<'pieces'>];
  /** A piece failed its hash check and will be fetched again. */
  pieceFailed: [Payload<'piece-failed'>];
  /** A peer completed its handshake. */
  peerConnected: [Payload<'peer-connected'>];
  /** A connection ended, or a dial failed: then there was no `peerConnected`. */
  peerClosed: [Payload<'peer-closed'>];
  /** A tracker replied, or an announce failed. */
  tracker: [Payload<'tracker'>];
  /** Every wanted piece is verified and on disk. */
  complete: [];
  /**
   * The torrent stopped; `resume()` tries again. Unlike Node's `error` events, it needs no
   * listener.
   */
  error: [MillraceError];
  /** The torrent was removed, or its engine ended. */
  closed: [];
}

/**
 * Age at which `stats()` requests new figures: for a thousand resting torrents that makes 200
 * requests a second.
 */
const STALE_STATS_MS = 5_000;

/**
 * One torrent of a running `Coordinator`. If it was added by a magnet link, `metainfo` and everything that
 * depends on it are undefined until the event `metadata`.
 */
export class Torrent extends EventEmitter<TorrentEvents> {
  /** The info hash, 40 hex digits. */
  readonly infoHash: string;
  readonly #firstName: string;
  #metainfo: Metainfo | undefined;
  readonly #id: number;
  readonly #control: EngineControl;
  readonly #wantStats: () => void;
  #stats: TorrentStats;
  /** When these figures arrived, or newer ones were requested. */
  #statsMs = performance.now();
  readonly #metadata = new Milestone<Metainfo>();
  readonly #completion = new Milestone();
  /** Resolves with `closed`. */
  readonly #end = deferred();
  #closed = false;
  /** Why the engine ended, unless it was closed. */
  #death: MillraceError | undefined;
  /**
   * Callbacks of `progress()` readers, of which there may be many: called at completion, error and
   * end.
   */
  readonly #onEnd = new Set<(cause?: MillraceError) => void>();
  /** Events that arrived before the embedder could attach listeners. */
  #held: EngineEvent[] | undefined = [];

  /** Created by `Coordinator.add`. */
  constructor(
    id: number,
    added: Pick<AddRequest, 'infoHash' | 'name' | 'metainfo'>,
    control: EngineControl,
    wantStats: () => void,
  ) {
    super();
    if (typeof wantStats !== 'function')
      throw new MillraceError('bad-option', "a Torrent is made by an engine's add()");
    this.#id = id;
    this.#control = control;
    this.#wantStats = wantStats;
    this.#firstName = added.name;
    this.infoHash = toHex(added.infoHash);
    this.#metainfo = added.metainfo;
    if (added.metainfo) this.#metadata.reach(added.metainfo);
    this.#stats = initialStats(added.metainfo);
  }

  /** Its files have the names that they have on disk. Undefined until the metadata is known. */
  get metainfo(): Metainfo | undefined {
    return this.#metainfo;
  }

  /**
   * Resolves when the metadata is known: at once, or for a magnet link when it was fetched from peers
   * and verified. Rejects with the torrent's error if it fails first, and with `closed` if it is
   * removed first. After an error, `resume()` makes a new promise.
   */
  get metadata(): Promise<Metainfo> {
    return this.#metadata.promise;
  }

  /** Until the metadata is known, the name in the magnet link, or else the info hash. */
  get name(): string {
    return this.#metainfo?.name ?? this.#firstName;
  }

  /** Undefined until the metadata is known. */
  get totalBytes(): number | undefined {
    return this.#metainfo && contentBytes(this.#metainfo);
  }

  /** Undefined until the metadata is known. */
  get pieceCount(): number | undefined {
    return this.#metainfo?.pieceCount;
  }

  /** Undefined until the metadata is known. */
  get pieceLengthBytes(): number | undefined {
    return this.#metainfo?.pieceLengthBytes;
  }

  /**
   * Files with their paths relative to the output folder, components joined by `/`. Undefined until
   * the metadata is known.
   */
  get files(): readonly { readonly path: string; readonly lengthBytes: number }[] | undefined {
    return this.#metainfo?.files.map((file) => ({
      path: file.path.join('/'),
      lengthBytes: file.lengthBytes,
    }));
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Resolves when every wanted piece is verified and on disk. Rejects with the torrent's error if
   * it stops, and with `closed` if it is removed first. After an error, `resume()` makes a new
   * promise.
   */
  get completed(): Promise<void> {
    return this.#completion.promise;
  }

  /**
   * The latest figures, without waiting. A torrent without peers reports nothing while nothing
   * happens: what changes with time alone (its account, the seconds to the next announce) is as old
   * as the previous call, or 5 s if calls are more frequent.
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
   * The latest figures every `intervalMs` (default 250): `for await (const stats of
   * torrent.progress())`. Slow readers skip some. Ends when the torrent is complete or closed;
   * throws its error, or the reason of `signal`.
   */
  async *progress(
    options: { readonly intervalMs?: number; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<TorrentStats, void, void> {
    const { intervalMs, signal } = progressOptions(options);
    // Not `events.on`: its queue is unbounded, and to limit it, it would call our own `pause()`.
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

  /** Adds a peer and dials it. Throws `bad-peer-address`, `closed`. */
  async addPeer(peer: string | PeerAddress): Promise<void> {
    await this.#control.addPeers(this.#id, [peerAddress(peer)]);
  }

  /**
   * Changes this torrent's rate limits while it runs. Limits that are not given stay as they are. The
   * engine's limits apply as well. Throws `bad-option`, `closed`.
   */
  async setLimits(limits: RateLimitOptions): Promise<void> {
    await this.#control.setLimits(this.#id, torrentLimits(limits), undefined);
  }

  /**
   * Closes all peers and frees memory; verified data and the resume record stay. Throws `closed`.
   */
  async pause(): Promise<void> {
    await this.#control.pause(this.#id);
  }

  /** Continues after `pause` or an error. Throws `closed`. */
  async resume(): Promise<void> {
    if (!this.#closed) {
      this.#metadata.renew();
      this.#completion.renew();
    }
    await this.#control.resume(this.#id);
  }

  /**
   * Begins or ends super-seeding (BEP 16; see `superSeed` of `add`). It applies to peers that connect
   * later: connected ones know our pieces already. Throws `bad-option`, `closed`.
   */
  async setSuperSeed(on: boolean): Promise<void> {
    if (typeof on !== 'boolean') throw wrong('on', 'true or false', on);
    await this.#control.superSeed(this.#id, on);
  }

  /**
   * Removes the torrent from the engine. Data stays; `forget` also deletes the resume record. May
   * be called again.
   */
  async remove(options: { readonly forget?: boolean } = {}): Promise<void> {
    const { forget } = removeOptions(options);
    if (this.#closed) return;
    await this.#control.remove(this.#id, forget);
    await this.#end.promise; // Arrives with the events, so earlier ones are emitted first.
  }

  /** The same as `remove()`: the resume record stays. */
  async close(): Promise<void> {
    await this.remove();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Internal: sets the names of the files on disk. */
  nameFiles(names: NameMapping): void {
    this.#metainfo &&= namedBy(this.#metainfo, names, process.platform) ?? this.#metainfo;
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
        this.#completion.reach();
        this.emit('complete');
        this.#notifyEnd();
        return;
      case 'error': {
        const error = MillraceError.fromRecord(event.error);
        this.#fail(error);
        if (this.listenerCount('error') > 0) this.emit('error', error);
        this.#notifyEnd(error);
        return;
      }
      case 'removed':
        this.end();
        return;
      case 'metadata':
        return this.#learn(event.metainfo);
      case 'log':
      case 'trace':
      case 'peer-rejected':
        return; // These belong to no torrent.
    }
  }

  #keep(stats: TorrentStats): void {
    this.#stats = stats;
    this.#statsMs = performance.now();
  }

  /** The files may get other names when the output is opened again. */
  #learn(metainfo: Metainfo): void {
    const isNews = this.#metainfo === undefined;
    this.#metainfo = metainfo;
    if (!isNews) return;
    this.#metadata.reach(metainfo);
    this.emit('metadata', metainfo);
  }

  #fail(error: MillraceError): void {
    this.#completion.fail(error);
    if (this.#metainfo === undefined) this.#metadata.fail(error);
  }

  /** Internal: listeners are attached; delivers the held events. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const event of held) this.handle(event);
  }

  /** Internal: the torrent or its engine has ended. */
  end(
    error: MillraceError = new MillraceError(
      'closed',
      `torrent ${this.name} was closed before it was complete`,
    ),
  ): void {
    if (this.#closed) return;
    this.release(); // Earlier events are emitted first.
    this.#closed = true;
    if (error.code !== 'closed') this.#death = error;
    this.#stats = { ...this.#stats, phase: 'closed' };
    this.#fail(error);
    this.#end.resolve();
    this.emit('closed');
    this.#notifyEnd();
  }

  #notifyEnd(cause?: MillraceError): void {
    for (const notify of this.#onEnd) notify(cause);
  }
}

function initialStats(metainfo: Metainfo | undefined): TorrentStats {
  return {
    phase: metainfo ? 'checking' : 'metadata',
    metadata: metainfo ? undefined : { receivedBytes: 0, totalBytes: undefined, peers: 0 },
    totalBytes: metainfo && contentBytes(metainfo),
    doneBytes: 0,
    pieceCount: metainfo?.pieceCount,
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
    addresses: { trackers: 0, exchange: 0, incoming: 0, user: 0 },
    private: metainfo?.private,
    uploads: { choking: 'tit-for-tat', slots: 0, unchoked: 0, interested: 0, superSeeding: false },
    piecesFailed: 0,
    memoryBytes: 0,
    trackers: [],
    limits: NO_LIMITS,
    account: EMPTY_ACCOUNT,
    error: undefined,
  };
}
