// Entry point of the coordinator thread: loads everything, then waits for its start message.

import { randomBytes } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { PeerThreads } from '../lib/coordinator/outlets/peer-threads';
import { runEngine } from '../lib/coordinator/run';
import { BlockTable } from '../lib/memory/block-table';
import { Slab } from '../lib/memory/slab';
import type { CoordinatorBoot, CoordinatorStart, EndPeerThread } from '../lib/messages/boot';
import { MAX_PIECE_LENGTH_BYTES } from '../lib/metainfo/limits';
import { AdoptedThread } from '../lib/threads/thread';
import { peerIdPrefix } from '../lib/tracker/peer-id';

if (parentPort === null) throw new Error('workers/coordinator runs as a worker thread');
const app = parentPort;
const booted = (workerData as CoordinatorBoot).peers;

app.once('message', ({ settings, control, events }: CoordinatorStart) => {
  // Reserved address space: pages that no piece uses cost no memory. Room for two of the longest
  // pieces, plus a quarter of the budget for units in quarantine.
  const maxBytes = Math.max(settings.memoryBytes, 2 * MAX_PIECE_LENGTH_BYTES);
  const slab = Slab.allocate(maxBytes + maxBytes / 4);
  const table = new BlockTable(
    new SharedArrayBuffer(BlockTable.byteLength(slab.unitCount)),
    slab.unitCount,
  );
  const peerId = Buffer.concat([Buffer.from(peerIdPrefix(settings.version)), randomBytes(12)]);

  const { ipFilter, bind, announcePort, dscp } = settings;
  const { limits, version, peerThreads, trace } = settings;
  // Threads beyond the configured number end when their port closes.
  for (const port of booted.slice(peerThreads)) port.close();
  const end = (endPeerThread: number): void => {
    app.postMessage({ endPeerThread } satisfies EndPeerThread);
  };
  const threads = new PeerThreads({
    count: peerThreads,
    booted: booted
      .slice(0, peerThreads)
      .map((port, thread) => new AdoptedThread(port, () => end(thread))),
    start: (thread) => ({
      thread,
      slab: slab.buffer,
      blockTable: table.buffer,
      peerId,
      limits,
      network: { ipFilter, bind, announcePort, dscp },
      version,
      trace,
    }),
    listen: settings.port === undefined ? null : { port: settings.port, host: settings.host },
  });
  runEngine({ settings, control, events, threads, slab, table, peerId, maxBytes });
});
