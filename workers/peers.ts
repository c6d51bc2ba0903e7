// Entry point of a peer thread: wiring only.

import { parentPort, threadId, workerData } from 'node:worker_threads';
import type { PeerThreadBoot } from '../lib/messages/boot';
import type { PeerThreadStart } from '../lib/messages/peer-thread';
import { startPeerThread } from '../lib/net/start-peer-thread';

if (parentPort === null) throw new Error('workers/peers runs as a worker thread');

/**
 * A restarted thread has the number of the dead one but a new thread id. 2^16 connections may be
 * numbered before two threads could use the same number, and 2^26 in all.
 */
const firstConnection = (threadId % 1024) * 65_536;

// The app thread boots the first threads before the engine has settings; the coordinator starts
// their replacements with complete data.
const data = workerData as PeerThreadBoot | PeerThreadStart;
if ('port' in data) {
  const { port } = data;
  port.once('message', (start: PeerThreadStart) => startPeerThread(start, port, firstConnection));
} else {
  startPeerThread(data, parentPort, firstConnection);
}
