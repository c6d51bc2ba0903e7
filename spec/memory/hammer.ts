// A worker thread of the stress spec: claims units of the table as fast as it can, by orders that
// are as old as they please, and writes into each the pattern of its (unit, generation).

import { parentPort, workerData } from 'node:worker_threads';
import { BlockTable, CLAIMED } from '../../lib/memory/block-table';
import { Slab, UNIT_LENGTH_BYTES } from '../../lib/memory/slab';

export interface HammerStart {
  readonly slab: SharedArrayBuffer;
  readonly table: SharedArrayBuffer;
  /** Per unit, the generation of the newest order. */
  readonly orders: SharedArrayBuffer;
  /** [0]: 1 tells the hammers to finish; [1]: attempts so far, all hammers together. */
  readonly control: SharedArrayBuffer;
  readonly thread: number;
  readonly seed: number;
  /** Claims these units, writes half of each and then hangs until it is terminated. */
  readonly hangWith?: readonly number[];
}

/** What every 32-bit word of a unit must be. */
export function patternOf(unit: number, generation: number): number {
  return (Math.imul(generation, 0x9e3779b1) ^ Math.imul(unit + 1, 0x85ebca6b)) | 0;
}

/** Numbers for a test that repeats itself: xorshift32. */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed | 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function run(start: HammerStart): void {
  const table = new BlockTable(start.table);
  const slab = Slab.over(start.slab);
  const orders = new Int32Array(start.orders);
  const control = new Int32Array(start.control);
  const random = randomFrom(start.seed);
  const remembered = new Int32Array(orders.length);
  // An odd offset, as in a read buffer: the copy must not depend on alignment.
  const source = Buffer.alloc(UNIT_LENGTH_BYTES + 13);
  const word = Buffer.alloc(4);

  const attempt = (unit: number, generation: number, hang: boolean): void => {
    if (table.claim(unit, generation, start.thread, start.thread + 32 * generation) !== CLAIMED) {
      return;
    }
    word.writeInt32LE(patternOf(unit, generation));
    source.fill(word, 13);
    if (hang) {
      slab.copyIn(unit, source, 13, 13 + UNIT_LENGTH_BYTES / 2);
      return;
    }
    slab.copyIn(unit, source, 13, source.length);
    table.publish(unit, generation, start.thread);
  };

  if (start.hangWith !== undefined) {
    for (const unit of start.hangWith) attempt(unit, orders[unit] ?? 0, true);
    parentPort?.postMessage('hanging');
    for (;;) random(2);
  }
  while (Atomics.load(control, 0) === 0) {
    for (let i = 0; i < 64; i++) {
      const unit = random(orders.length);
      const late = random(4) === 0;
      attempt(unit, (late ? remembered[unit] : orders[unit]) ?? 0, false);
      if (!late && random(8) === 0) remembered[unit] = orders[unit] ?? 0;
    }
    Atomics.add(control, 1, 64);
  }
  // The coordinator has stopped moving memory: what is still missing is filled now.
  for (let unit = 0; unit < orders.length; unit++) attempt(unit, orders[unit] ?? 0, false);
}

if (parentPort !== null && workerData !== null) run(workerData as HammerStart);
