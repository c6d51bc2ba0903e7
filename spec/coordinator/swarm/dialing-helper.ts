// What control does with `addPeers`, without the control.

import { dialMore } from '../../../lib/coordinator/swarm/dialing';
import type { DeskTorrent } from '../../support/sim-desk';
import type { SimEngine } from '../../support/sim-engine';

/** Makes that many addresses known and dials what may be dialled. */
export function addPeersTo(engine: SimEngine, torrent: DeskTorrent, count: number): void {
  for (let n = 1; n <= count; n++) torrent.state.book.add(`10.2.0.${n}`, 6881, engine.nowMs());
  dialMore(engine, torrent.state);
}
