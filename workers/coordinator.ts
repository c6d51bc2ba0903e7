// Entry point of the coordinator thread. The peer threads are started before the rest of the
// coordinator is loaded: a first dial waits for both, and this way they do not wait for each other.

import { randomBytes } from 'node:crypto';
import { workerData, type MessagePort } from 'node:worker_threads';
import { PeerThreads } from '../lib/coordinator/peer-threads';
import { BlockTable } from '../lib/memory/block-table';
import { Slab } from '../lib/memory/slab';
import type * as run from '../lib/coordinator/run';
import type { EngineSettings } from '../lib/messages/control';
import { MAX_PIECE_LENGTH_BYTES } from '../lib/metainfo/limits';
import { peerIdPrefix } from '../lib/tracker/peer-id';

interface Start {
  readonly settings: EngineSettings;
  readonly control: MessagePort;
  readonly events: MessagePort;
}

const { settings, control, events } = workerData as Start;

// Reserved, not used: pages that no piece touches cost nothing. Room for two of the longest pieces,
// and a quarter more than any budget for units in quarantine.
const maxBytes = Math.max(settings.memoryBytes, 2 * MAX_PIECE_LENGTH_BYTES);
const slab = Slab.allocate(maxBytes + maxBytes / 4);
const table = new BlockTable(
  new SharedArrayBuffer(BlockTable.byteLength(slab.unitCount)),
  slab.unitCount,
);
const peerId = Buffer.concat([Buffer.from(peerIdPrefix(settings.version)), randomBytes(12)]);

const { limits, version, peerThreads, trace } = settings;
const threads = new PeerThreads({
  count: peerThreads,
  start: (thread) => ({
    thread,
    slab: slab.buffer,
    blockTable: table.buffer,
    peerId,
    limits,
    version,
    trace,
  }),
  listen: settings.port === undefined ? null : { port: settings.port, host: settings.host },
});

// eslint-disable-next-line @typescript-eslint/no-require-imports -- an import would be loaded first
const { runEngine } = require('../lib/coordinator/run') as typeof run;
runEngine({ settings, control, events, threads, slab, table, peerId, maxBytes });
