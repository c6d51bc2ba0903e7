// What threads receive when they boot, and afterwards: an engine's first threads start before its
// options are known.

import type { MessagePort } from 'node:worker_threads';
import type { EngineSettings } from './control';

/** `workerData` of the coordinator thread. */
export interface CoordinatorBoot {
  /** One port for each peer thread that the app thread started, for orders and facts. */
  readonly peers: readonly MessagePort[];
}

/** App thread → coordinator thread, the first message: starts the engine. */
export interface CoordinatorStart {
  readonly settings: EngineSettings;
  readonly control: MessagePort;
  readonly events: MessagePort;
}

/**
 * Coordinator thread → app thread: terminate this peer thread, which only the thread that started
 * it can do.
 */
export interface EndPeerThread {
  readonly endPeerThread: number;
}

/**
 * `workerData` of a peer thread started by the app thread; `PeerThreadStart` follows over the port.
 */
export interface PeerThreadBoot {
  readonly port: MessagePort;
}
