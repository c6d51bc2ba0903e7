// Which peer threads accept incoming connections: all of them on one port where the system can
// spread connections, else the first. The port stays the same for the life of the engine, even if
// threads die.

import type { PeerOrder } from '../../messages/peer-thread';
import type * as claims from '../../transport/port-claim';

export interface ListenersOptions {
  /** 0: the system picks one. */
  readonly port: number;
  readonly host: string | undefined;
  readonly threads: number;
  readonly order: (thread: number, order: PeerOrder) => void;
  /** Defaults to the system's. */
  readonly claims?: Claims;
}

export type Claims = Pick<typeof claims, 'canSharePorts' | 'claimPort'>;

type Stage =
  /** A port is being claimed. If the system picked it, thread 0 already listens on it. */
  | 'claiming'
  /** Thread 0 opens the port that all threads will share. */
  | 'first'
  /** The port is open: every thread listens. */
  | 'all'
  /** Only thread 0 listens. */
  | 'alone';

export class Listeners {
  private readonly options: ListenersOptions;
  /** Resolves once every thread that should listen does so. */
  readonly ready: Promise<void>;
  private onReady: () => void = () => undefined;
  private stage: Stage = 'alone';
  /** Threads that run and were not ordered to listen. */
  private readonly idle = new Set<number>();
  /** Threads that have reported that they listen. */
  private readonly seen = new Set<number>();
  /** Kept after a restart, so that the port known to trackers stays valid. */
  private openPort: number | undefined;
  private claim: claims.PortClaim | undefined;
  private closed = false;

  constructor(options: ListenersOptions) {
    this.options = options;
    this.ready = new Promise((done) => (this.onReady = done));
    if (options.threads === 1 || !this.claims.canSharePorts()) return;
    // A port that the system picks is claimed once it is known.
    if (options.port === 0) this.stage = 'first';
    else void this.claimPort(options.port, 'first');
  }

  private get claims(): Claims {
    return this.options.claims ?? loadClaims();
  }

  /** The port that peers can connect to, once it is open. */
  get port(): number | undefined {
    return this.openPort;
  }

  /** A thread runs, for the first time or as a replacement. */
  onThread(thread: number): void {
    this.idle.add(thread);
    this.enter(this.stage);
  }

  onListening(thread: number, port: number): void {
    this.openPort = port;
    this.seen.add(thread);
    if (this.stage === 'first' && this.claim === undefined) void this.claimPort(port, 'all');
    else this.enter(this.stage === 'first' ? 'all' : this.stage);
  }

  close(): void {
    this.closed = true;
    this.claim?.release();
  }

  private async claimPort(port: number, next: Stage): Promise<void> {
    this.stage = 'claiming';
    this.claim = await this.claims.claimPort(port);
    if (this.closed) this.claim?.release();
    else this.enter(this.claim === undefined ? 'alone' : next);
  }

  /** Enters a stage, and orders idle threads to listen if the stage wants them to. */
  private enter(stage: Stage): void {
    this.stage = stage;
    if (stage === 'claiming') return;
    const { host, order, threads } = this.options;
    const port = this.openPort ?? this.options.port;
    const share = stage === 'all' ? 'beside' : stage;
    for (const thread of this.idle) {
      if (thread !== 0 && stage !== 'all') continue;
      this.idle.delete(thread);
      order(thread, { type: 'listen', port, share, ...(host === undefined ? {} : { host }) });
    }
    const wanted = stage === 'all' ? threads : 1;
    if (this.seen.size >= wanted) this.onReady();
  }
}

/** Loaded only where ports may be shared: a single thread does not need it. */
function loadClaims(): typeof claims {
  return require('../../transport/port-claim') as typeof claims;
}
