// Measures how exact rate limits are: transfers with seeders or leechers in another process, through a relay
// that counts bytes. Prints how far windows of 5 s are from the limit, from 50 KB/s up to the lesser of
// 500 MB/s and 0.8 × the unlimited rate. Runs compiled code: `npm run build`, then `npm run bench:limits`.
// Exits with 1 if a window is off by more than 5 %, or by more than one block per peer where that is more.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BLOCK_LENGTH_BYTES, MIB } from '../lib/bytes/lengths';
import type * as millrace from '../lib/index';
import { startLeechers, startSeeders } from './swarm/peers';
import { findEngine, load } from './support/engine';
import { benchCommand } from './support/flags';
import { makeTorrent, storePayload, writeTorrent } from './support/torrent';
import type { BenchTorrent } from './support/torrent';

const WINDOW_MS = 5000;
/** Time for a transfer to begin. */
const WARM_UP_MS = 1500;
const WATCH_MS = 7000;
const SAMPLE_MS = 100;
const HIGHEST_BYTES_PER_SEC = 500_000_000;
const TOLERANCE = 0.05;

type Direction = 'down' | 'up';

/** Relays connections, and counts the bytes of one side. */
class Relay {
  bytes = 0;
  readonly #sockets = new Set<Socket>();
  readonly #server;

  /** `counts`: the side whose bytes are counted, the dialling or the dialled one. */
  constructor(targetPort: number, counts: 'dialler' | 'dialled') {
    this.#server = createServer((near) => {
      const far = connect({ host: '127.0.0.1', port: targetPort, noDelay: true });
      near.setNoDelay(true);
      (counts === 'dialler' ? near : far).on('data', (chunk) => (this.bytes += chunk.length));
      for (const socket of [near, far]) {
        this.#sockets.add(socket);
        socket.on('error', () => undefined);
      }
      near.pipe(far);
      far.pipe(near);
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', () => done()));
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}

interface Measured {
  readonly bytesPerSec: number;
  readonly most: number;
  readonly least: number;
}

/** The windows of the bytes that the relays count. */
async function watch(relays: readonly Relay[]): Promise<Measured> {
  const samples: { readonly atMs: number; readonly bytes: number }[] = [];
  await delay(WARM_UP_MS);
  const endMs = performance.now() + WATCH_MS;
  while (performance.now() < endMs) {
    await delay(SAMPLE_MS);
    const bytes = relays.reduce((sum, relay) => sum + relay.bytes, 0);
    samples.push({ atMs: performance.now(), bytes });
  }
  const rates: number[] = [];
  for (const { atMs, bytes } of samples) {
    const start = samples.findLast((before) => atMs - before.atMs >= WINDOW_MS);
    if (start) rates.push(((bytes - start.bytes) * 1000) / (atMs - start.atMs));
  }
  const [first, last] = [samples[0], samples.at(-1)];
  if (!first || !last) throw new Error('nothing was sampled');
  const bytesPerSec = ((last.bytes - first.bytes) * 1000) / (last.atMs - first.atMs);
  return { bytesPerSec, most: Math.max(...rates), least: Math.min(...rates) };
}

interface Bench {
  readonly Coordinator: typeof millrace.Coordinator;
  readonly torrents: readonly BenchTorrent[];
  readonly folder: string;
}

/** One peer of each torrent at a time, or several of the only one. */
async function download(
  { Coordinator, torrents, folder }: Bench,
  peers: number,
  limit: number,
): Promise<Measured> {
  const seeders = await startSeeders(torrents, peers);
  const relays = seeders.peers.map((peer) => new Relay(Number(peer.split(':')[1]), 'dialled'));
  const output = join(folder, 'out');
  const engine = await Coordinator.start({ port: null, downLimitBytesPerSec: limit });
  try {
    const ports = await Promise.all(relays.map((relay) => relay.listen()));
    for (const torrent of torrents) {
      const source = writeTorrent(torrent, join(folder, `${torrent.name}.torrent`));
      const added = await engine.add(source, {
        output,
        peers: ports.map((port) => `127.0.0.1:${port}`),
      });
      added.on('error', () => undefined);
    }
    return await watch(relays);
  } finally {
    await engine.close();
    for (const relay of relays) relay.close();
    await seeders.stop();
    rmSync(output, { recursive: true, force: true });
  }
}

async function upload(
  { Coordinator, torrents, folder }: Bench,
  peers: number,
  limit: number,
): Promise<Measured> {
  const engine = await Coordinator.start({ host: '127.0.0.1', upLimitBytesPerSec: limit });
  const relay = new Relay(engine.port ?? 0, 'dialled');
  const port = await relay.listen();
  try {
    const children = await Promise.all(
      torrents.map(async (torrent) => {
        const source = writeTorrent(torrent, join(folder, `${torrent.name}.torrent`));
        const added = await engine.add(source, { output: join(folder, 'data') });
        await added.completed;
        return startLeechers(torrent, peers, port);
      }),
    );
    for (const leechers of children) leechers.fetch(60_000).catch(() => undefined);
    const measured = await watch([relay]);
    await Promise.all(children.map(({ child }) => child.kill()));
    return measured;
  } finally {
    await engine.close();
    relay.close();
  }
}

const CASES: readonly (readonly [torrents: number, peers: number, rates: readonly number[]])[] = [
  [1, 1, [50_000, 20_000_000]],
  [1, 8, [50_000, 1_000_000]],
  [3, 2, [300_000]],
];

async function main(): Promise<void> {
  const command = benchCommand('bench:limits', 'are rate limits kept?').parse();
  const engine = findEngine(command.opts<{ engine?: string }>().engine);
  const { Coordinator } = load<typeof millrace>(engine, 'index');
  const folder = mkdtempSync('/dev/shm/millrace-limits-');
  let wrong = 0;
  try {
    mkdirSync(join(folder, 'data'));
    const all: BenchTorrent[] = [];
    for (const salt of [1, 2, 3]) {
      const totalBytes = salt === 1 ? 3072 * MIB : 64 * MIB;
      all.push(await makeTorrent({ totalBytes, pieceLengthBytes: MIB, salt }));
    }
    for (const torrent of all) storePayload(torrent, join(folder, 'data'));
    console.log('direction  torrents  peers  limit, bytes/s  mean of limit  windows of 5 s');
    const run = async (
      direction: Direction,
      count: number,
      peers: number,
      limit: number,
    ): Promise<Measured> => {
      const bench = { Coordinator, torrents: all.slice(0, count), folder };
      const measured = await (direction === 'down' ? download : upload)(bench, peers, limit);
      const { bytesPerSec, most, least } = measured;
      const slack = Math.max(
        TOLERANCE * limit,
        (peers * count * BLOCK_LENGTH_BYTES * 1000) / WINDOW_MS,
      );
      const isKept = most <= limit + slack && least >= limit - slack;
      if (limit < Infinity && !isKept) wrong++;
      const share = (rate: number): string => `${((100 * rate) / limit).toFixed(1)} %`;
      const figures =
        limit === Infinity
          ? `${(bytesPerSec / 1e6).toFixed(0)} MB/s`
          : `${share(bytesPerSec).padStart(8)}       ${share(least)} to ${share(most)}${isKept ? '' : '  wrong'}`;
      console.log(
        [direction.padEnd(9), String(count).padStart(8), String(peers).padStart(6)].join(' ') +
          `  ${(limit === Infinity ? 'none' : String(limit)).padStart(14)}  ${figures}`,
      );
      return measured;
    };
    for (const direction of ['down', 'up'] as const) {
      for (const [torrents, peers, rates] of CASES)
        for (const rate of rates) await run(direction, torrents, peers, rate);
      const { bytesPerSec } = await run(direction, 1, 1, Infinity);
      await run(direction, 1, 1, Math.round(Math.min(HIGHEST_BYTES_PER_SEC, 0.8 * bytesPerSec)));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  process.exitCode = wrong === 0 ? 0 : 1;
}

void main();
