// Which peer threads accept incoming connections: all of them on one port where the system can spread
// these, else the first. The port stays the same for the life of the engine, whatever threads die.

import type { PeerOrder } from '../messages/peer-thread';
import type * as claims from '../transport/port-claim';

export interface ListenersOptions {
  /** 0: the system picks one. */
  readonly port: number;
  readonly host: string | undefined;
  readonly threads: number;
  readonly order: (thread: number, order: PeerOrder) => void;
  /** Default: the system's. */
  readonly claims?: Claims;
}

export type Claims = Pick<typeof claims, 'canSharePorts' | 'claimPort'>;

type Stage =
  /** A port is being claimed; where the system picked it, thread 0 listens on it already. */
  | 'claiming'
  /** Thread 0 opens a port that all are to share. */
  | 'first'
  /** It is open: every thread listens. */
  | 'all'
  /** Only thread 0 listens. */
  | 'alone';

export class Listeners {
  readonly #options: ListenersOptions;
  /** Resolves once every thread that is to listen has done so. */
  readonly ready: Promise<void>;
  #onReady: () => void = () => undefined;
  #stage: Stage = 'alone';
  /** Threads that run and have no order to listen. */
  readonly #idle = new Set<number>();
  /** Threads that have listened. */
  readonly #seen = new Set<number>();
  /** Kept after a restart, so that trackers stay right. */
  #port: number | undefined;
  #claim: claims.PortClaim | undefined;
  #closed = false;

  constructor(options: ListenersOptions) {
    this.#options = options;
    this.ready = new Promise((done) => (this.#onReady = done));
    if (options.threads === 1 || !this.#claims.canSharePorts()) return;
    // A port that the system picks is nobody's: it is claimed once it is known.
    if (options.port === 0) this.#stage = 'first';
    else void this.#claimPort(options.port, 'first');
  }

  get #claims(): Claims {
    return this.#options.claims ?? loadClaims();
  }

  /** The port that peers can connect to, once one is open. */
  get port(): number | undefined {
    return this.#port;
  }

  /** A thread runs, for the first time or in the place of a dead one. */
  onThread(thread: number): void {
    this.#idle.add(thread);
    this.#enter(this.#stage);
  }

  onListening(thread: number, port: number): void {
    this.#port = port;
    this.#seen.add(thread);
    if (this.#stage === 'first' && this.#claim === undefined) void this.#claimPort(port, 'all');
    else this.#enter(this.#stage === 'first' ? 'all' : this.#stage);
  }

  close(): void {
    this.#closed = true;
    this.#claim?.release();
  }

  async #claimPort(port: number, next: Stage): Promise<void> {
    this.#stage = 'claiming';
    this.#claim = await this.#claims.claimPort(port);
    if (this.#closed) this.#claim?.release();
    else this.#enter(this.#claim === undefined ? 'alone' : next);
  }

  /** Has those listen that are to listen at this stage and do not. */
  #enter(stage: Stage): void {
    this.#stage = stage;
    if (stage === 'claiming') return;
    const { host, order, threads } = this.#options;
    const port = this.#port ?? this.#options.port;
    const share = stage === 'all' ? 'beside' : stage;
    for (const thread of this.#idle) {
      if (thread !== 0 && stage !== 'all') continue;
      this.#idle.delete(thread);
      order(thread, { type: 'listen', port, share, ...(host === undefined ? {} : { host }) });
    }
    const wanted = stage === 'all' ? threads : 1;
    if (stage !== 'first' && this.#seen.size >= wanted) this.#onReady();
  }
}

/** Loaded only where ports may be shared: with one thread nobody needs it. */
function loadClaims(): typeof claims {
  return require('../transport/port-claim') as typeof claims;
}
