// What threads get when they boot, and later: an engine's threads start before it is known what the
// engine will do.

import type { MessagePort } from 'node:worker_threads';
import type { EngineSettings } from './control';

/** `workerData` of the coordinator thread. */
export interface CoordinatorBoot {
  /** One for each peer thread that the app thread started: orders go down, facts come up. */
  readonly peers: readonly MessagePort[];
}

/** App thread → coordinator thread, its first message: from now on it is an engine. */
export interface CoordinatorStart {
  readonly settings: EngineSettings;
  readonly control: MessagePort;
  readonly events: MessagePort;
}

/** Coordinator thread → app thread: end this peer thread, only who started it can. */
export interface EndPeerThread {
  readonly endPeerThread: number;
}

/** `workerData` of a peer thread that the app thread starts: `PeerThreadStart` comes by the port. */
export interface PeerThreadBoot {
  readonly port: MessagePort;
}
