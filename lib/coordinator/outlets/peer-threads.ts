// Starts, supervises, restarts and stops the peer threads. What the death of one means for torrents
// and peers is in `on-thread.ts`.

import { MillraceError } from '../../errors/millrace-error';
import { unpackFact } from '../../messages/packing';
import type { PeerFact, PeerOrder, PeerThreadStart } from '../../messages/peer-thread';
import { supervise, type SupervisedThread } from '../../threads/supervisor';
import type { Thread } from '../../threads/thread';
import { TypedPort } from '../../threads/typed-port';
import { workerFile } from '../../threads/worker-file';
import { SYSTEM_CLOCK } from './clock';
import { Listeners } from './listeners';

/** A thread that has not answered `stop` by then is terminated. */
const STOP_DEADLINE_MS = 3_000;

export interface PeerThreadsOptions {
  readonly count: number;
  readonly start: (thread: number) => PeerThreadStart;
  /**
   * The first threads, started by the app thread in parallel with the coordinator; this class
   * starts their replacements.
   */
  readonly booted: readonly Thread[];
  /**
   * Port to listen on (`listeners.ts` decides which threads do). `null`: no incoming connections.
   */
  readonly listen: { readonly port: number; readonly host: string | undefined } | null;
}

/** Callbacks. They must be set before the event loop turns for the first time. */
export interface PeerThreadsListener {
  /**
   * One batch of facts, in the order in which the thread reported them. The array is reused for the
   * next batch.
   */
  onFacts(thread: number, facts: readonly PeerFact[]): void;
  onError(error: unknown): void;
  /** The port that peers can connect to. */
  onListening(port: number): void;
  /** The thread has exited; its code no longer runs. Another is started after a delay. */
  onDied(thread: number, error: MillraceError): void;
  /** A new thread runs in its place, with no state yet. */
  onRestarted(thread: number): void;
  /** A permanent failure after the start: a port that cannot be opened again. */
  onFailed(error: MillraceError): void;
}

interface Slot {
  thread: SupervisedThread | undefined;
  port: TypedPort<PeerOrder, PeerFact> | undefined;
  /** Facts of the batch that is arriving. */
  readonly facts: PeerFact[];
  stopped: () => void;
}

export class PeerThreads {
  private readonly options: PeerThreadsOptions;
  private readonly slots: Slot[] = [];
  private readonly allReady: Promise<unknown>;
  private listener: PeerThreadsListener | undefined;
  private readonly listeners: Listeners | undefined;
  private onStartFailed: ((error: MillraceError) => void) | undefined;

  /** Adopts the threads that were started already, and starts the missing ones in parallel. */
  constructor(options: PeerThreadsOptions) {
    this.options = options;
    const { listen, count: threads } = options;
    if (listen !== null) {
      const order = (thread: number, order: PeerOrder): void => this.order(thread, order);
      this.listeners = new Listeners({ ...listen, threads, order });
    }
    const ready: Promise<void>[] = [];
    const failed = new Promise<never>((_, reject) => (this.onStartFailed = reject));
    for (let thread = 0; thread < options.count; thread++) {
      ready.push(new Promise((done) => this.startThread(thread, done)));
    }
    if (this.listeners !== undefined) ready.push(this.listeners.ready);
    this.allReady = Promise.race([Promise.all(ready), failed]);
    this.allReady.catch(() => undefined); // Callers of `ready()` get the error.
  }

  listen(listener: PeerThreadsListener): void {
    this.listener = listener;
  }

  /** Resolves when all threads are ready and the port is open; rejects if one cannot start. */
  async ready(): Promise<void> {
    await this.allReady;
    this.onStartFailed = undefined;
  }

  order(thread: number, order: PeerOrder): void {
    this.slots[thread]?.port?.send(order);
  }

  /** Ends a thread as a crash would, also one that is still starting. */
  kill(thread: number): boolean {
    const state = this.slots[thread]?.thread?.state;
    if (state?.type !== 'ready' && state?.type !== 'starting') return false;
    void state.worker.terminate();
    return true;
  }

  /** Asks every thread to close its sockets and end; terminates those that take too long. */
  async stop(): Promise<void> {
    await Promise.all(
      this.slots.map(async (slot) => {
        const stopped = new Promise<void>((done) => (slot.stopped = done));
        slot.port?.send({ type: 'stop' });
        slot.port?.flush();
        const gone = slot.thread?.expectExit();
        let cancel: (() => void) | undefined;
        const late = new Promise<void>(
          (done) => (cancel = SYSTEM_CLOCK.after(STOP_DEADLINE_MS, done)),
        );
        await Promise.race([stopped, gone, late]);
        cancel?.();
        await slot.thread?.terminate();
      }),
    );
    this.listeners?.close();
  }

  private startThread(thread: number, ready: () => void): void {
    const slot: Slot = { thread: undefined, port: undefined, facts: [], stopped: () => undefined };
    this.slots.push(slot);
    const start = this.options.start(thread);
    const adopt = this.options.booted[thread];
    adopt?.postMessage(start);
    slot.thread = supervise(
      {
        file: workerFile('peers'),
        name: `millrace-peers-${thread}`,
        start,
        adopt,
      },
      {
        onStarted: (worker) => this.attach(thread, slot, worker),
        onReady: () => ready(),
        onDied: (error) => {
          slot.port = undefined;
          this.listener?.onDied(thread, error);
        },
        onFailed: (error) => {
          slot.port = undefined;
          if (!this.onStartFailed) this.listener?.onDied(thread, error);
          this.fail(error);
        },
      },
    );
  }

  private attach(thread: number, slot: Slot, worker: Thread): void {
    const restarted = slot.thread !== undefined;
    const port = new TypedPort<PeerOrder, PeerFact>(worker, {
      onMessage: (fact) => this.onFact(slot, thread, fact),
      onBatchEnd: () => {
        this.listener?.onFacts(thread, slot.facts);
        slot.facts.length = 0;
      },
      onError: (error) => this.listener?.onError(error),
      unpack: unpackFact,
    });
    slot.port = port;
    const listenPort = this.listeners?.port;
    if (listenPort !== undefined) port.send({ type: 'listen-port', port: listenPort });
    if (restarted) this.listener?.onRestarted(thread);
    this.listeners?.onThread(thread); // Last: the first peers then find the torrents open.
  }

  private onListening(thread: number, port: number): void {
    if (this.listeners?.port === undefined) {
      for (const other of this.slots) other.port?.send({ type: 'listen-port', port });
      this.listener?.onListening(port);
    }
    this.listeners?.onListening(thread, port);
  }

  private fail(error: MillraceError): void {
    if (this.onStartFailed) this.onStartFailed(error);
    else this.listener?.onFailed(error);
  }

  private onFact(slot: Slot, thread: number, fact: PeerFact): void {
    switch (fact.type) {
      case 'ready':
        slot.thread?.markReady();
        return;
      case 'stopped':
        slot.stopped();
        return;
      case 'listening':
        this.onListening(thread, fact.port);
        return;
      case 'listen-failed': {
        const { host, port = 0 } = this.options.listen ?? {};
        this.fail(
          new MillraceError(
            'listen-failed',
            `cannot listen on ${host ?? 'any address'}, port ${port}: ${fact.message}`,
            { cause: fact.code, port },
          ),
        );
        return;
      }
      default:
        slot.facts.push(fact);
    }
  }
}
