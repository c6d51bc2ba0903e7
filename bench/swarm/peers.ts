// The parent's side of the seeders and leechers: starts them, waits until they are ready.

import { join } from 'node:path';
import { Child, sourceCommand, untilReported } from '../support/children';
import type { BenchTorrent } from '../support/torrent';
import type { LeechersConfig, LeechersDone } from './leechers';
import type { SeedersConfig, SeedersReady } from './seeders';

const READY_MS = 30_000;

/** Where a side of the transfer runs: its address, and the prefix of its command. */
export interface Ground {
  readonly address: string;
  readonly enter: readonly string[];
}

export const LOOPBACK: Ground = { address: '127.0.0.1', enter: [] };

export interface Seeders {
  readonly child: Child;
  /** `host:port` of each. */
  readonly peers: readonly string[];
  readonly trackerUrl: string;
  stop(): Promise<void>;
}

export async function startSeeders(
  torrents: readonly BenchTorrent[],
  count: number,
  ground = LOOPBACK,
): Promise<Seeders> {
  const { address } = ground;
  const config: SeedersConfig = {
    host: address,
    count,
    torrents: torrents.map(({ infoHash, payload }) => ({ infoHash, shape: payload.shape })),
  };
  const child = new Child({
    command: [...ground.enter, ...sourceCommand(join(__dirname, 'seeders.ts'), config)],
  });
  const { ports, trackerPort } = await untilReported<SeedersReady>(child, READY_MS);
  return {
    child,
    peers: ports.map((port) => `${address}:${port}`),
    trackerUrl: `http://${address}:${trackerPort}/announce`,
    stop: () => child.kill(),
  };
}

export interface Leechers {
  readonly child: Child;
  /** Resolves with the durations once all bytes have come and were right. */
  fetch(deadlineMs: number): Promise<LeechersDone>;
}

export async function startLeechers(
  { infoHash, payload }: BenchTorrent,
  count: number,
  port: number,
  ground = LOOPBACK,
): Promise<Leechers> {
  const { shape } = payload;
  const config: LeechersConfig = { host: ground.address, port, count, infoHash, shape };
  const child = new Child({
    command: [...ground.enter, ...sourceCommand(join(__dirname, 'leechers.ts'), config)],
  });
  await child.untilPrinted(/^ready$/m, READY_MS);
  return {
    child,
    async fetch(deadlineMs) {
      child.process.stdin?.write('\n');
      try {
        return await untilReported<LeechersDone>(child, deadlineMs);
      } finally {
        await child.kill();
      }
    },
  };
}
