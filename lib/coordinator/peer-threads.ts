// The peer threads: started, watched, restarted, stopped. What a death means is decided here: its
// connections are void, what it was writing is missing again, its peers go back to the book.

import type { Worker } from 'node:worker_threads';
import { MillraceError } from '../errors/millrace-error';
import {
  MAX_PEER_THREADS,
  type PeerFact,
  type PeerOrder,
  type PeerThreadStart,
} from '../messages/peer-thread';
import { supervise, type SupervisedThread } from '../threads/supervisor';
import { TypedPort } from '../threads/typed-port';
import { workerFile } from '../threads/worker-file';
import type { Engine } from './engine';
import { onDialFailed, forgetPeer } from './on-peer';
import { openOn } from './phases';

/** A thread that does not answer `stop` by then is ended. */
const STOP_DEADLINE_MS = 3_000;

export interface PeerThreadsOptions {
  readonly count: number;
  readonly start: (thread: number) => PeerThreadStart;
  /** Port to listen on: the first thread does. `null`: nobody listens. */
  readonly listen: { readonly port: number; readonly host: string | undefined } | null;
  readonly onFact: (thread: number, fact: PeerFact) => void;
  readonly onBatchEnd: () => void;
  readonly onError: (error: unknown) => void;
}

interface Slot {
  readonly thread: SupervisedThread;
  port: TypedPort<PeerOrder, PeerFact> | undefined;
  stopped: () => void;
}

export class PeerThreads {
  readonly #options: PeerThreadsOptions;
  readonly #slots: Slot[] = [];
  #engine: Engine | undefined;
  /** The port first listened on: kept after a restart, so that trackers stay right. */
  #listenPort: number | undefined;
  #onListening: (() => void) | undefined;
  #onStartFailed: ((error: MillraceError) => void) | undefined;

  constructor(options: PeerThreadsOptions) {
    if (options.count > MAX_PEER_THREADS)
      throw new MillraceError('bad-option', `at most ${MAX_PEER_THREADS} peer threads`);
    this.#options = options;
  }

  /** Starts all threads side by side; resolves when all are ready and the port is open. */
  async start(engine: Engine): Promise<void> {
    this.#engine = engine;
    const ready: Promise<void>[] = [];
    const failed = new Promise<never>((_, reject) => (this.#onStartFailed = reject));
    failed.catch(() => undefined); // Late failures are handled where they happen.
    for (let thread = 0; thread < this.#options.count; thread++) {
      ready.push(new Promise((done) => this.#slots.push(this.#startThread(thread, done))));
    }
    if (this.#options.listen) ready.push(new Promise((done) => (this.#onListening = done)));
    await Promise.race([Promise.all(ready), failed]);
    this.#onStartFailed = undefined;
  }

  order(thread: number, order: PeerOrder): void {
    this.#slots[thread]?.port?.send(order);
  }

  /** Ends a thread as a crash would. */
  kill(thread: number): boolean {
    const state = this.#slots[thread]?.thread.state;
    if (state?.type !== 'ready') return false;
    void state.worker.terminate();
    return true;
  }

  /** Asks every thread to close its sockets and end; ends those that are late. */
  async stop(): Promise<void> {
    await Promise.all(
      this.#slots.map(async (slot) => {
        const stopped = new Promise<void>((done) => (slot.stopped = done));
        slot.port?.send({ type: 'stop' });
        slot.port?.flush();
        const gone = slot.thread.expectExit();
        let deadline: NodeJS.Timeout | undefined;
        const late = new Promise<void>((done) => (deadline = setTimeout(done, STOP_DEADLINE_MS)));
        await Promise.race([stopped, gone, late]);
        clearTimeout(deadline);
        await slot.thread.terminate();
      }),
    );
  }

  #startThread(thread: number, ready: () => void): Slot {
    const supervised = supervise(
      {
        file: workerFile('peers'),
        name: `millrace-peers-${thread}`,
        start: this.#options.start(thread),
      },
      {
        onStarted: (worker) => this.#attach(thread, worker),
        onReady: () => ready(),
        onDied: (error) => this.#onDied(thread, error),
        onFailed: (error) => this.#onStartFailed?.(error),
      },
    );
    return { thread: supervised, port: this.#early.get(thread), stopped: () => undefined };
  }

  /** Ports made while their slot is still being built. */
  readonly #early = new Map<number, TypedPort<PeerOrder, PeerFact>>();

  #attach(thread: number, worker: Worker): void {
    const port = new TypedPort<PeerOrder, PeerFact>(worker, {
      onMessage: (fact) => this.#onFact(thread, fact),
      onBatchEnd: this.#options.onBatchEnd,
      onError: this.#options.onError,
    });
    const slot = this.#slots[thread];
    if (slot) slot.port = port;
    else this.#early.set(thread, port);
    const { listen } = this.#options;
    if (listen && thread === 0) {
      port.send({ type: 'listen', port: this.#listenPort ?? listen.port, host: listen.host });
    }
    if (this.#listenPort !== undefined) port.send({ type: 'listen-port', port: this.#listenPort });
    // After a restart: the torrents that the dead thread knew.
    const engine = this.#engine;
    if (!slot || !engine) return;
    for (const torrent of engine.state.torrents.values()) {
      if (torrent.phase === 'downloading' || torrent.phase === 'seeding')
        openOn(engine, torrent, thread);
    }
  }

  #onFact(thread: number, fact: PeerFact): void {
    const slot = this.#slots[thread];
    switch (fact.type) {
      case 'ready':
        slot?.thread.markReady();
        return;
      case 'stopped':
        slot?.stopped();
        return;
      case 'listening':
        this.#listenPort = fact.port;
        if (this.#engine) this.#engine.state.listenPort = fact.port;
        for (const other of this.#slots) other.port?.send({ type: 'listen-port', port: fact.port });
        this.#onListening?.();
        return;
      case 'listen-failed':
        this.#onStartFailed?.(
          new MillraceError(
            'listen-failed',
            `cannot listen on port ${this.#options.listen?.port ?? 0}: ${fact.message}; choose another port, or 0 for a free one`,
            { code: fact.code },
          ),
        );
        if (!this.#onStartFailed)
          this.#engine?.log('error', 'cannot listen any more', { error: fact.message });
        return;
      default:
        this.#options.onFact(thread, fact);
    }
  }

  #onDied(thread: number, error: MillraceError): void {
    const engine = this.#engine;
    const slot = this.#slots[thread];
    if (slot) slot.port = undefined;
    if (!engine || engine.state.closing) return;
    const { state } = engine;
    engine.log('error', 'a peer thread died; it is started again', {
      thread,
      error: error.message,
    });
    state.threadRestarts++;
    // No code of the thread runs any more, so the table can be put right before leases are settled.
    engine.table.reclaimThread(thread);
    state.slab.retryQuarantined();
    for (const torrent of state.torrents.values()) torrent.openOn.delete(thread);
    for (const peer of [...state.peers.values()]) {
      if (peer.thread !== thread) continue;
      const { downloadedBytes, uploadedBytes } = peer;
      forgetPeer(engine, peer, {
        reason: 'thread-died',
        detail: error.message,
        downloadedBytes,
        uploadedBytes,
      });
    }
    for (const [dial, { thread: dialer }] of [...state.dials]) {
      if (dialer === thread)
        onDialFailed(engine, {
          type: 'dial-failed',
          dial,
          reason: 'thread-died',
          detail: error.message,
        });
    }
    engine.endTurn();
  }
}
