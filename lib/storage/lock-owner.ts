// Identifies the holder of a lock, and checks whether it is alive. A pid alone is not enough: pids
// are reused, and an engine's thread may die while its process continues.
import * as fs from 'node:fs';
import { bootId } from './boot-id';

/** The content of a lock file, as JSON. */
export interface LockOwner {
  readonly pid: number;
  /** Random, so that an owner recognises its own file. */
  readonly token: string;
  /** Linux: id of the thread that took the lock, and its start time in ticks since boot. */
  readonly thread?: number;
  readonly startTicks?: string;
  /** Linux: the boot from which those ticks count. */
  readonly boot?: string;
}

/** The calling thread as an owner. */
export function thisThread(token: string): LockOwner {
  const base = { pid: process.pid, token };
  try {
    // "<pid>/task/<thread>"; the call runs on the calling thread.
    const link = fs.readlinkSync('/proc/thread-self');
    const thread = Number(link.split('/')[2]);
    const stat = threadStat(process.pid, thread);
    const boot = bootId();
    if (stat === undefined || boot === undefined) return base;
    return { ...base, thread, startTicks: stat.startTicks, boot };
  } catch {
    return base; // Without /proc the pid must suffice.
  }
}

/** Parses the text of a lock file; undefined if it is invalid. */
export function parseOwner(text: string): LockOwner | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { pid, token, thread, startTicks, boot } = value as Record<string, unknown>;
  // kill(0) and negative pids mean process groups.
  if (!isPositive(pid) || typeof token !== 'string') return undefined;
  return isPositive(thread) && typeof startTicks === 'string' && typeof boot === 'string'
    ? { pid, token, thread, startTicks, boot }
    : { pid, token };
}

/** False only if the owner is certainly gone. */
export function isAlive(owner: LockOwner): boolean {
  const boot = bootId();
  if (owner.boot !== undefined && boot !== undefined && owner.boot !== boot) return false;
  let mayLook = true;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    mayLook = false; // A process of another user: /proc may hide it from us.
  }
  if (owner.thread === undefined || boot === undefined) return true;
  const stat = threadStat(owner.pid, owner.thread);
  if (stat === undefined) return !mayLook;
  // A zombie keeps its entry until its parent waits for it.
  return stat.startTicks === owner.startTicks && stat.state !== 'Z' && stat.state !== 'X';
}

function threadStat(
  pid: number,
  thread: number,
): { state: string; startTicks: string } | undefined {
  let text: string;
  try {
    text = fs.readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // Field 2 is the name in parentheses and may itself contain spaces and parentheses; field 3 is
  // the state, field 22 the start time (proc(5)).
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const state = fields[0];
  const startTicks = fields[19];
  return state === undefined || startTicks === undefined ? undefined : { state, startTicks };
}

function isPositive(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}
