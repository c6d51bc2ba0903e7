// Entry point of the coordinator thread: builds the engine from its parts and wires them together.

import { randomBytes } from 'node:crypto';
import { workerData, type MessagePort } from 'node:worker_threads';
import { engineControl } from '../lib/coordinator/control';
import { Departed } from '../lib/coordinator/departed';
import type { Engine } from '../lib/coordinator/engine';
import { onFact } from '../lib/coordinator/facts';
import { LOG_LEVELS } from '../lib/coordinator/log-levels';
import { Pacers } from '../lib/coordinator/pacers';
import { PeerThreads } from '../lib/coordinator/peer-threads';
import { TICK_MS, onTick } from '../lib/coordinator/tick';
import { endTurn, newTurn } from '../lib/coordinator/turn';
import { recordOf } from '../lib/errors/millrace-error';
import { BlockTable, GenerationCounter } from '../lib/memory/block-table';
import { MemoryBudget } from '../lib/memory/budget';
import { SlabOwner } from '../lib/memory/slab-owner';
import { Slab } from '../lib/memory/slab';
import type { EngineEvent, EngineSettings } from '../lib/messages/control';
import { MAX_PIECE_LENGTH_BYTES } from '../lib/metainfo/limits';
import { exposeControl } from '../lib/threads/control';
import { TypedPort } from '../lib/threads/typed-port';
import { TrackerClients } from '../lib/tracker/http-client';
import { VerifyPool } from '../lib/verify/pool';

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
const pool = new VerifyPool({
  threads: settings.verifyThreads,
  start: { slab: slab.buffer, closeEpoch: new SharedArrayBuffer(4) },
});
const peerId = Buffer.concat([Buffer.from(peerIdPrefix(settings.version)), randomBytes(12)]);
const trackers = new TrackerClients({ version: settings.version });
const pacers = new Pacers(settings);
const logLevel = LOG_LEVELS[settings.logLevel];

const app = new TypedPort<EngineEvent, never>(events, {
  onMessage: () => undefined,
  onError: (error) =>
    engine.log('error', 'the app port failed', { error: recordOf(error).message }),
});
const threads = new PeerThreads({
  count: settings.peerThreads,
  start: (thread) => ({
    thread,
    slab: slab.buffer,
    blockTable: table.buffer,
    peerId,
    limits: settings.limits,
    version: settings.version,
  }),
  listen: settings.port === undefined ? null : { port: settings.port, host: settings.host },
  onFact: (thread, fact) => onFact(engine, thread, fact),
  onBatchEnd: () => endTurn(engine),
  onError: (error) =>
    engine.log('error', 'a fact could not be handled', {
      error: String((error as Error).stack ?? error),
    }),
});
let liveJobs = 0;

const engine: Engine = {
  state: {
    settings,
    peerId,
    slab: new SlabOwner(table),
    budget: new MemoryBudget({ limitBytes: settings.memoryBytes, maxBytes }),
    torrents: new Map(),
    peers: new Map(),
    dials: new Map(),
    hungry: new Set(),
    departed: new Departed(),
    adding: new Set(),
    listenPort: undefined,
    nextDial: 1,
    threadRestarts: 0,
    closing: false,
  },
  table,
  generations: new GenerationCounter(),
  verify: {
    threads: settings.verifyThreads,
    get outstanding() {
      return liveJobs;
    },
    submit(job, priority) {
      if (priority !== 'live') return pool.submit(job, priority);
      liveJobs++;
      return pool.submit(job, priority).finally(() => liveJobs--);
    },
    closeHandles: () => pool.closeHandles(),
  },
  order: (thread, order) => threads.order(thread, order),
  emit: (event) => app.send(event),
  log: (level, message, fields = {}) => {
    if (LOG_LEVELS[level] >= logLevel) app.send({ type: 'log', level, message, fields });
  },
  announce: (url, request, signal) => trackers.announce(url, request, signal),
  nowMs: () => performance.now(),
  random: () => Math.random(),
  paceDial: (dial) => pacers.dial(dial),
  paceAnnounce: (announce) => pacers.announce(announce),
  turn: newTurn(),
  endTurn: () => endTurn(engine),
  tick: () => onTick(engine),
};
pool.onThreadDeath = (reason) => {
  engine.state.threadRestarts++;
  engine.log('error', 'a verify worker died; its jobs are run again', { error: reason });
};

let ticking: NodeJS.Timeout | undefined;
exposeControl(
  engineControl(engine, {
    start: async () => {
      await threads.start(engine);
      ticking = setInterval(() => onTick(engine), TICK_MS);
      // After the first dials: peers are slower to answer than threads to start.
      setImmediate(() => pool.start());
    },
    stop: async () => {
      clearInterval(ticking);
      await threads.stop();
      await pool.close();
      app.close();
      // The app thread hears the answer to `close` first; then nothing keeps this thread alive.
      setImmediate(() => {
        events.close();
        control.close();
      });
    },
    kill: (kind, index) => (kind === 'peer' ? threads.kill(index) : pool.killOneThread(index)),
  }),
  control,
);

/** BEP 20, Azureus style: `-MR` and four digits of the version. */
function peerIdPrefix(version: string): string {
  const [major = '0', minor = '0', patch = '0'] = version.split('.');
  const digit = (text: string): string =>
    Math.min(35, Number.parseInt(text, 10)).toString(36).toUpperCase();
  return `-MR${digit(major)}${digit(minor)}${digit(patch)}0-`;
}
