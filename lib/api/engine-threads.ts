// The first threads of an engine. They can be started before the engine's options are known: a
// thread of Node takes 50 ms to start, time that can be used to load, parse and read.

import { availableParallelism } from 'node:os';
import { MessageChannel, Worker } from 'node:worker_threads';
import { MillraceError } from '../errors/millrace-error';
import { descriptorsLacking, failureReason } from '../errors/system-error';
import type {
  CoordinatorBoot,
  CoordinatorStart,
  EndPeerThread,
  PeerThreadBoot,
} from '../messages/boot';
import { workerFile } from '../threads/worker-file';
import { checkValue, wholeNumber } from './checks';

/** Default number of peer threads: a quarter of the cores, at least 1, at most 8. */
export function defaultPeerThreads(): number {
  return Math.min(8, Math.max(1, availableParallelism() >> 2));
}

/** Check of `peerThreads`: 1–32. */
export const PEER_THREADS = wholeNumber(1, 32, defaultPeerThreads());

/**
 * Largest size of the coordinator thread's heap for young objects, in MiB: three semi-spaces of 2.
 * The records of pieces in progress survive each collection, which makes V8 grow this heap; without
 * the limit a download of 16 GiB ended with 45 MiB more, and was no faster.
 */
const COORDINATOR_YOUNG_GENERATION_MIB = 3 * 2;

/**
 * Threads for one engine, passed to `Coordinator.start` as `threads`. Until then they do not keep
 * the process alive. Threads that get no engine must be ended by `terminate`.
 */
export class EngineThreads {
  readonly #coordinator: Worker;
  readonly #peers: readonly Worker[];
  readonly #errors: string[] = [];
  #lack: string | undefined;
  #onError = (message: string): void => void this.#errors.push(message);
  #used = false;

  /** Resolves, with the reason, when the coordinator thread and then all others have ended. */
  readonly #exited: Promise<string>;

  /**
   * @param peerThreads number of peer threads, 1–32. An engine with another setting starts more or
   * ends some. Default: as for `CoordinatorOptions.peerThreads`.
   * @throws MillraceError `bad-option`, `thread-start-failed`.
   */
  constructor(peerThreads?: number) {
    const length = checkValue('peerThreads', () => peerThreads, PEER_THREADS);
    const ports = Array.from({ length }, () => new MessageChannel());
    const started: Worker[] = [];
    const start = (...args: ConstructorParameters<typeof Worker>): Worker => {
      try {
        const worker = new Worker(...args);
        // It may report an error before the listeners below, if another one cannot start.
        worker.on('error', () => undefined);
        started.push(worker);
        return worker;
      } catch (error) {
        // Nobody gets hold of those that have started.
        for (const worker of started) void worker.terminate();
        throw new MillraceError(
          'thread-start-failed',
          `no engine can start: ${failureReason(error)}`,
        );
      }
    };
    const peers = ports.map(({ port2 }) => port2);
    this.#coordinator = start(workerFile('coordinator'), {
      name: 'millrace-coordinator',
      workerData: { peers } satisfies CoordinatorBoot,
      transferList: [...peers],
      resourceLimits: { maxYoungGenerationSizeMb: COORDINATOR_YOUNG_GENERATION_MIB },
    });
    this.#peers = ports.map(({ port1 }, thread) => {
      const worker = start(workerFile('peers'), {
        name: `millrace-peers-${thread}`,
        workerData: { port: port1 } satisfies PeerThreadBoot,
        transferList: [port1],
      });
      worker.on('error', (error: Error) => {
        this.#noteLack(error);
        this.#onError(`peer thread ${thread}: ${failureReason(error)}`);
      });
      worker.unref();
      return worker;
    });
    let cause: string | undefined;
    this.#coordinator.on('error', (error: Error) => {
      this.#noteLack(error);
      cause = failureReason(error);
    });
    this.#coordinator.on('message', ({ endPeerThread }: EndPeerThread) => {
      void this.#peers[endPeerThread]?.terminate();
    });
    this.#exited = new Promise((done) => {
      this.#coordinator.once('exit', (code) => {
        const ends = this.#peers.map((peer) => peer.terminate());
        void Promise.all(ends).then(() => done(cause ?? `exit code ${code}`));
      });
    });
    this.#coordinator.unref();
  }

  /** The advice for users if a thread could not start or continue for lack of file descriptors. */
  get lack(): string | undefined {
    return this.#lack;
  }

  #noteLack(error: Error): void {
    if (descriptorsLacking(error) !== undefined) this.#lack ??= failureReason(error);
  }

  /** Terminates all threads at once. May be called at any time, and again. */
  async terminate(): Promise<void> {
    await this.#coordinator.terminate();
    await this.#exited;
  }

  /**
   * For `Coordinator`: starts an engine on the threads, which now keep the process alive. Resolves,
   * with the reason, when all of them have ended.
   */
  run(start: CoordinatorStart, onError: (message: string) => void): Promise<string> {
    if (this.#used) {
      throw new MillraceError('bad-option', 'option threads must be threads without an engine', {
        option: 'threads',
      });
    }
    this.#used = true;
    for (const worker of [this.#coordinator, ...this.#peers]) worker.ref();
    for (const message of this.#errors) onError(message);
    this.#onError = onError;
    this.#coordinator.postMessage(start, [start.control, start.events]);
    return this.#exited;
  }
}
