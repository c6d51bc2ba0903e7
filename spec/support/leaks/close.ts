// Runs in a process of its own: closes an engine in one state after the other. If anything is left
// behind, the process does not end.

import { once } from 'node:events';
import { join } from 'node:path';
import { Coordinator } from '../../../lib/index';
import type { CoordinatorOptions, Torrent } from '../../../lib/index';
import { FaultyDisk } from '../storages/faults';

export interface CloseInput {
  /** A folder for outputs; each state gets one of its own. */
  readonly folder: string;
  /** A folder that holds all of the data. */
  readonly source: string;
  readonly torrent: string;
  /** So slow that nothing is ever complete. */
  readonly slowSeed: string;
  /** Serves everything. */
  readonly seed: string;
  /** Accepts connections and sends nothing. */
  readonly silent: string;
}

const input = JSON.parse(process.argv[2] ?? '{}') as CloseInput;

const OPTIONS: CoordinatorOptions = { peerThreads: 2, verifyThreads: 2, host: '127.0.0.1' };

function phase(torrent: Torrent, wanted: string): Promise<void> {
  return new Promise((resolve) => {
    const check = (): void => {
      if (torrent.stats().phase === wanted) resolve();
    };
    torrent.on('stats', check);
    check();
  });
}

const states: Record<string, (engine: Coordinator, output: string) => Promise<void>> = {
  idle: async () => undefined,
  adding: async (engine, output) => {
    const adding = engine.add(input.torrent, { output });
    adding.catch(() => undefined);
    await engine.close();
    const error = await adding.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if ((error as { code?: string } | undefined)?.code !== 'closed')
      throw new Error(`an add during close ended with ${String(error)}`);
  },
  checking: async (engine) => {
    const disk = new FaultyDisk();
    disk.shutGate();
    const torrent = await engine.add(input.torrent, { output: input.source, storage: disk.ref });
    await phase(torrent, 'checking');
    setTimeout(() => disk.openGate(), 50); // an endless read would be no leak of the engine
  },
  dialling: async (engine, output) => {
    // 203.0.113.0/24 is reserved for documentation (RFC 5737): nothing answers there.
    const peers = Array.from({ length: 100 }, (_, at) => `203.0.113.${at + 1}:6881`);
    await engine.add(input.torrent, { output, peers });
  },
  handshaking: async (engine, output) => {
    await engine.add(input.torrent, { output, peers: [input.silent] });
  },
  downloading: async (engine, output) => {
    const torrent = await engine.add(input.torrent, { output, peers: [input.slowSeed] });
    while (torrent.stats().downloadedBytes === 0) await once(torrent, 'stats');
  },
  paused: async (engine, output) => {
    const torrent = await engine.add(input.torrent, { output, peers: [input.slowSeed] });
    while (torrent.stats().downloadedBytes === 0) await once(torrent, 'stats');
    await torrent.pause();
  },
  failed: async (engine, output) => {
    const disk = new FaultyDisk();
    disk.setDiskBytes(0);
    const torrent = await engine.add(input.torrent, {
      output,
      peers: [input.seed],
      storage: disk.ref,
    });
    await torrent.completed.catch(() => undefined);
  },
  seeding: async (engine, output) => {
    const torrent = await engine.add(input.torrent, { output, peers: [input.seed] });
    await torrent.completed;
  },
  'peer thread dead': async (engine, output) => {
    const torrent = await engine.add(input.torrent, { output, peers: [input.slowSeed] });
    while (torrent.stats().downloadedBytes === 0) await once(torrent, 'stats');
    await engine.killThread('peer', 0);
  },
  'verify thread dead': async (engine, output) => {
    await engine.add(input.torrent, { output });
    await engine.killThread('verify', 0);
  },
  'coordinator dead': async (engine, output) => {
    await engine.add(input.torrent, { output, peers: [input.slowSeed] });
    await engine.killThread('coordinator');
  },
};

async function main(): Promise<void> {
  const started = new AbortController();
  const start = Coordinator.start({ ...OPTIONS, signal: started.signal });
  started.abort(new Error('never mind'));
  await start.then(
    () => {
      throw new Error('an aborted start succeeded');
    },
    () => undefined,
  );
  print('before start');
  for (const [name, reach] of Object.entries(states)) {
    const engine = await Coordinator.start(OPTIONS);
    await reach(engine, join(input.folder, name));
    const beforeMs = performance.now();
    await engine.close();
    print(name, performance.now() - beforeMs);
  }
}

function print(state: string, closeMs?: number): void {
  process.stdout.write(
    `${JSON.stringify({ state, closeMs, left: process.getActiveResourcesInfo() })}\n`,
  );
}

void main();
