// The death of a peer thread: its connections end, blocks that it was writing are missing again,
// its peers return to the address book.

import type { Engine } from '../engine';
import { forgetPeer, onDialFailed } from './connections';
import { forgetThread } from './granting';
import { repeatIpFilter } from './filtering';
import { openOn } from './joining';
import { isInSwarm } from '../torrent/life';

export function onThreadDied(engine: Engine, thread: number, error: Pick<Error, 'message'>): void {
  const { state } = engine;
  if (state.closing) return;
  if (state.downThreads.has(thread)) {
    const where = { component: 'peers' as const, thread, error: error.message };
    engine.log('warn', 'a peer thread could not be started again; another attempt follows', where);
    return;
  }
  engine.log('error', 'a peer thread died; another is started', {
    component: 'peers',
    thread,
    error: error.message,
  });
  state.threadRestarts++;
  state.downThreads.add(thread);
  state.threadLoads[thread] = undefined; // The new thread's first report is not late.
  // The thread's code no longer runs, so the table can be corrected before leases are settled.
  engine.table.reclaimThread(thread);
  state.slab.retryQuarantined();
  forgetThread(engine, thread);
  for (const torrent of state.torrents.values()) torrent.openOn.delete(thread);
  for (const peer of [...state.peers.values()]) {
    if (peer.thread !== thread) continue;
    const { downloadedBytes, uploadedBytes } = peer;
    const end = { reason: 'thread-died' as const, detail: error.message };
    forgetPeer(engine, peer, { ...end, downloadedBytes, uploadedBytes });
  }
  for (const [dial, { thread: dialer }] of [...state.dials]) {
    if (dialer !== thread) continue;
    onDialFailed(engine, {
      type: 'dial-failed',
      dial,
      reason: 'thread-died',
      detail: error.message,
    });
  }
}

/** A new thread has replaced the dead one: it gets the orders again that the dead one had. */
export function onThreadRestarted(engine: Engine, thread: number): void {
  engine.state.downThreads.delete(thread);
  repeatIpFilter(engine, thread);
  for (const torrent of engine.state.torrents.values()) {
    if (isInSwarm(torrent.life)) openOn(engine, torrent, thread);
  }
}
