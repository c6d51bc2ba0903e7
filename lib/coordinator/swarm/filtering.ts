// The IP filter while the engine runs: peers that a new one refuses are closed, and forgotten.

import { IpFilter } from '../../address/ip-filter';
import type { Engine } from '../engine';

/** Whether the filter refuses a peer address; counts the refused ones. */
export function isRefused({ state }: Pick<Engine, 'state'>, host: string): boolean {
  if (state.ipFilter?.refuses(host) !== true) return false;
  state.addressesRefused++;
  return true;
}

/** Replaces the filter; undefined: no filter. Peer threads close connections and dials that it refuses. */
export function setIpFilter(engine: Engine, buffer: SharedArrayBuffer | undefined): void {
  const { state } = engine;
  const filter = buffer && new IpFilter(buffer);
  state.ipFilter = filter;
  if (filter) {
    for (const { book } of state.torrents.values()) book.drop((host) => filter.refuses(host));
  }
  for (let thread = 0; thread < state.settings.peerThreads; thread++) {
    if (state.downThreads.has(thread)) continue; // It gets the filter after its restart.
    engine.order(thread, { type: 'ip-filter', buffer });
  }
}

/** A restarted thread has the filter with which the engine started, and gets the present one. */
export function repeatIpFilter(engine: Engine, thread: number): void {
  const { ipFilter, settings } = engine.state;
  if (ipFilter === undefined && settings.ipFilter === undefined) return;
  engine.order(thread, { type: 'ip-filter', buffer: ipFilter?.buffer });
}
