// Connects the actor of a peer thread to the port of its orders.

import { performance } from 'node:perf_hooks';
import { packFact } from '../messages/packing';
import type { PeerFact, PeerOrder, PeerThreadStart } from '../messages/peer-thread';
import { LoopLoad } from '../threads/loop-load';
import { TypedPort } from '../threads/typed-port';
import type { PortLike } from '../threads/typed-port';
import { PeerThread } from './peer-thread';

/** Starts the actor on a port. After it has stopped, nothing of it keeps the thread alive. */
export function startPeerThread(
  start: PeerThreadStart,
  port: PortLike,
  firstConnection = 0,
): PeerThread {
  const typedPort = new TypedPort<PeerFact, PeerOrder>(port, {
    onMessage: (order) => thread.handle(order),
    onBatchEnd: () => thread.endBatch(),
    onError: (error) => thread.reportError(error),
    pack: packFact,
  });
  const loop = new LoopLoad();
  const thread = new PeerThread({
    start,
    send: (fact) => typedPort.send(fact),
    onStopped: () => typedPort.close(),
    nowMs: () => performance.now(),
    firstConnection,
    loopBusy: () => loop.share(),
  });
  return thread;
}
