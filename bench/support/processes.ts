// Reads CPU time and memory of a process and its descendants from the kernel (Linux).

import { readFileSync, readdirSync } from 'node:fs';

/** Clock ticks of /proc are 1/100 s on every Linux that Node supports (USER_HZ). */
const TICKS_PER_SEC = 100;

export interface CpuTimes {
  readonly userSec: number;
  readonly systemSec: number;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return ''; // It has ended meanwhile.
  }
}

/** A process and its descendants that still live. */
export function treeOf(pid: number): number[] {
  const tree = [pid];
  for (const parent of tree) {
    const children = read(`/proc/${parent}/task/${parent}/children`);
    for (const child of children.split(' ')) if (child !== '') tree.push(Number(child));
  }
  return tree;
}

/** CPU time so far of a live process tree, ended children included; resolution 10 ms. */
export function cpuOf(pid: number): CpuTimes {
  let user = 0;
  let system = 0;
  for (const member of treeOf(pid)) {
    const stat = read(`/proc/${member}/stat`);
    // The name, in brackets, may hold blanks. What follows it begins with field 3, the state.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    user += Number(fields[11] ?? 0) + Number(fields[13] ?? 0); // utime, cutime
    system += Number(fields[12] ?? 0) + Number(fields[14] ?? 0); // stime, cstime
  }
  return { userSec: user / TICKS_PER_SEC, systemSec: system / TICKS_PER_SEC };
}

export interface MemoryUse {
  /** High-water mark of resident memory, mapped files included (VmHWM). */
  readonly peakRssBytes: number;
  /** Resident memory now that belongs to no file (RssAnon): heaps, stacks, buffers. */
  readonly anonymousBytes: number;
  readonly rssBytes: number;
}

/** Memory of a living process tree, added up. */
export function memoryOf(pid: number): MemoryUse {
  const sum = { peakRssBytes: 0, anonymousBytes: 0, rssBytes: 0 };
  for (const member of treeOf(pid)) {
    const status = read(`/proc/${member}/status`);
    const field = (name: string): number =>
      1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0);
    sum.peakRssBytes += field('VmHWM');
    sum.anonymousBytes += field('RssAnon');
    sum.rssBytes += field('VmRSS');
  }
  return sum;
}

/** CPU time so far of each thread of a process. */
export function cpuOfThreads(pid: number): { readonly thread: string; readonly cpuSec: number }[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    // In nanoseconds, where the kernel keeps scheduler statistics.
    const [runNs] = read(`/proc/${pid}/task/${thread}/schedstat`).split(' ');
    return { thread, cpuSec: Number(runNs ?? 0) / 1e9 };
  });
}
