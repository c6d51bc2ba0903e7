// One measured run of one client: a download from our seeders, an upload to our leechers, a
// recheck. Every byte is checked, and a run leaves nothing behind for the next.

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { GIB, MIB } from '../../lib/bytes/lengths';
import { RECORDS_FOLDER } from '../../lib/metainfo/paths';
import { freePort } from '../../spec/support/free-port';
import type { Client, Job } from '../clients/client';
import { Child, measure } from '../support/children';
import type { Usage } from '../support/children';
import { settle } from '../support/places';
import type { Place } from '../support/places';
import { cpuOf, memoryOf } from '../support/processes';
import type { CpuTimes } from '../support/processes';
import type { Subject } from '../support/rounds';
import { checkDownload, storePayload, writeTorrent } from '../support/torrent';
import type { BenchTorrent } from '../support/torrent';
import { LOOPBACK, startLeechers } from './peers';
import type { Seeders } from './peers';

const READY_MS = 60_000;
/** A transfer gets the time it takes at this rate, plus half a minute. */
const SLOWEST_BYTES_PER_SEC = 5 * MIB;

export interface Transfer {
  readonly torrent: BenchTorrent;
  readonly place: Place;
}

function deadlineMs({ payload }: BenchTorrent): number {
  return 30_000 + (payload.shape.totalBytes / SLOWEST_BYTES_PER_SEC) * 1000;
}

async function inFolder<Value>(folder: string, work: () => Promise<Value>): Promise<Value> {
  mkdirSync(folder, { recursive: true });
  try {
    return await work();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function jobIn(folder: string, data: string, torrent: BenchTorrent, trackerUrl?: string): Job {
  const scratch = join(folder, 'scratch');
  mkdirSync(scratch, { recursive: true });
  mkdirSync(data, { recursive: true });
  const torrentPath = writeTorrent(torrent, join(scratch, 'bench.torrent'), trackerUrl);
  return { torrent, torrentPath, folder: data, scratch };
}

function perGib(cpu: CpuTimes, totalBytes: number): Record<string, number> {
  const gib = totalBytes / GIB;
  return {
    cpuSecPerGib: (cpu.userSec + cpu.systemSec) / gib,
    userSecPerGib: cpu.userSec / gib,
    systemSecPerGib: cpu.systemSec / gib,
  };
}

function wholeProcess(usage: Usage, totalBytes: number): Record<string, number> {
  return {
    mibPerSec: totalBytes / MIB / usage.wallSec,
    wallSec: usage.wallSec,
    ...perGib(usage, totalBytes),
    peakRssMib: usage.peakRssBytes / MIB,
    peakAnonymousMib: usage.peakAnonymousBytes / MIB,
  };
}

function since(before: CpuTimes, after: CpuTimes): CpuTimes {
  return {
    userSec: after.userSec - before.userSec,
    systemSec: after.systemSec - before.systemSec,
  };
}

/** The client's whole process, from exec to exit, fetching everything from the seeders. */
export function downloadBy(
  client: Client,
  { torrent, place }: Transfer,
  seeders: Seeders,
): Subject {
  const { totalBytes } = torrent.payload.shape;
  return {
    name: client.name,
    run: () =>
      inFolder(join(place.folder, 'run'), async () => {
        const trackerUrl = client.needsTracker ? seeders.trackerUrl : undefined;
        const data = join(place.folder, 'run', 'data');
        const job = jobIn(join(place.folder, 'run'), data, torrent, trackerUrl);
        const launch = client.download?.({ ...job, peers: seeders.peers });
        if (launch === undefined) throw new Error('cannot download');
        settle(place);
        const before = cpuOf(seeders.child.pid);
        const usage = await measure(launch, deadlineMs(torrent));
        const served = since(before, cpuOf(seeders.child.pid));
        checkDownload(torrent, data);
        return {
          ...wholeProcess(usage, totalBytes),
          seedersCpuSecPerGib: (served.userSec + served.systemSec) / (totalBytes / GIB),
        };
      }),
  };
}

/** Data of the payload at rest, for seeds and rechecks. */
export function storeIn({ torrent, place }: Transfer): string {
  const folder = join(place.folder, 'stored');
  rmSync(folder, { recursive: true, force: true });
  storePayload(torrent, folder);
  return folder;
}

/**
 * The client serving leechers that fetch everything once between them. Every run checks the data
 * first: a resume record of this build would skip the check while one of another build would not,
 * and a seed that has just checked differs in caches and memory from one that has not. Time counts
 * from the first unchoke to the last byte, CPU time from the first interest; start-up and the check
 * do not count.
 */
export function uploadBy(
  client: Client,
  { torrent, place }: Transfer,
  stored: string,
  leechers: number,
): Subject {
  const { totalBytes } = torrent.payload.shape;
  return {
    name: client.name,
    run: () =>
      inFolder(join(place.folder, 'run'), async () => {
        rmSync(join(stored, RECORDS_FOLDER), { recursive: true, force: true });
        const job = jobIn(join(place.folder, 'run'), stored, torrent);
        const port = await freePort();
        const launch = client.seed?.({ ...job, port });
        if (launch === undefined) throw new Error('cannot seed');
        const seed = new Child(launch);
        try {
          await seed.untilPrinted(launch.ready, READY_MS);
          await sleep(client.settleMs ?? 0);
          const ground = client.ground ?? LOOPBACK;
          const fetching = await startLeechers(torrent, leechers, port, ground);
          const before = cpuOf(seed.pid);
          const { wallSec, waitSec } = await fetching.fetch(deadlineMs(torrent));
          const cpu = since(before, cpuOf(seed.pid));
          const memory = memoryOf(seed.pid);
          return {
            mibPerSec: totalBytes / MIB / wallSec,
            wallSec,
            waitSec,
            ...perGib(cpu, totalBytes),
            peakRssMib: memory.peakRssBytes / MIB,
            peakAnonymousMib: memory.anonymousBytes / MIB,
          };
        } finally {
          await seed.stop();
        }
      }),
  };
}

/** The client's whole process, hashing all stored data. */
export function recheckBy(client: Client, { torrent, place }: Transfer, stored: string): Subject {
  const { totalBytes } = torrent.payload.shape;
  return {
    name: client.name,
    run: () =>
      inFolder(join(place.folder, 'run'), async () => {
        const job = jobIn(join(place.folder, 'run'), stored, torrent);
        const launch = client.recheck?.(job);
        if (launch === undefined) throw new Error('cannot recheck');
        return wholeProcess(await measure(launch, deadlineMs(torrent)), totalBytes);
      }),
  };
}
