// The block table under attack: late writers, duplicates, terminated writers, recycled memory, two
// threads hammering the same units. No wrong byte in a unit that is here, no lost block.

import { expect } from 'chai';
import { once } from 'node:events';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import {
  ARRIVING,
  BUSY,
  BlockTable,
  CLAIMED,
  GenerationCounter,
  HERE,
  MISSING,
  STALE,
} from '../../lib/memory/block-table';
import { Slab, UNIT_LENGTH_BYTES } from '../../lib/memory/slab';
import { patternOf, randomFrom } from './hammer';
import type { HammerStart } from './hammer';

describe('block table stress', () => {
  // Hammers stop on a message, which a failed spec does not send.
  const workers: Worker[] = [];
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.terminate()));
  });

  it('agrees with a naive model over a million random moves', () => {
    const UNITS = 16;
    const THREADS = 4;
    const random = randomFrom(20_211);
    const table = new BlockTable(new SharedArrayBuffer(BlockTable.byteLength(UNITS)));
    const counter = new GenerationCounter();
    // The naive model, and what a memory of one number per unit would hold.
    const generations = new Array<number>(UNITS).fill(0);
    const states = new Array<number>(UNITS).fill(MISSING);
    const writers = new Array<number>(UNITS).fill(-1);
    const owners = new Array<number>(UNITS).fill(0);
    const content = new Array<number>(UNITS).fill(0);
    const claims = [0, 0, 0, 0];

    const agree = (what: string, actual: unknown, wanted: unknown): void => {
      if (actual !== wanted)
        expect.fail(`${what}: table ${String(actual)}, model ${String(wanted)}`);
    };

    for (let step = 0; step < 1_000_000; step++) {
      const unit = random(UNITS);
      const generation = generations[unit] ?? 0;
      const state = states[unit] ?? MISSING;
      switch (random(8)) {
        case 0: // the coordinator hands the unit to a new piece
          if (generation !== 0) break;
          generations[unit] = counter.next();
          table.assign(unit, generations[unit] ?? 0);
          break;
        case 1: // the coordinator takes it back
          if (random(3) > 0) break;
          agree('revoke', table.revoke(unit), state !== ARRIVING);
          if (state === ARRIVING) break;
          generations[unit] = 0;
          states[unit] = MISSING;
          break;
        case 2:
        case 3:
        case 4: {
          // a writer: on time, late (an older generation), or too early
          const thread = random(THREADS);
          const named = Math.max(0, generation - (random(3) === 0 ? random(20) - 4 : 0));
          const wanted =
            named === 0 || named !== generation
              ? STALE
              : state === MISSING
                ? CLAIMED
                : state === ARRIVING
                  ? BUSY
                  : HERE;
          const connection = thread + 32 * random(1000);
          const result = table.claim(unit, named, thread, connection);
          agree('claim', result, wanted);
          claims[result] = (claims[result] ?? 0) + 1;
          if (wanted !== CLAIMED) break;
          states[unit] = ARRIVING;
          writers[unit] = thread;
          owners[unit] = connection;
          break;
        }
        case 5:
        case 6: // the writer finishes its copy
          if (state !== ARRIVING) break;
          content[unit] = patternOf(unit, generation);
          table.publish(unit, generation, writers[unit] ?? 0);
          states[unit] = HERE;
          break;
        default: {
          // a writer's thread dies
          if (random(10) > 0) break;
          const dead = random(THREADS);
          let lost = 0;
          for (let u = 0; u < UNITS; u++) {
            if (states[u] !== ARRIVING || writers[u] !== dead) continue;
            states[u] = MISSING;
            lost++;
          }
          agree('reclaim', table.reclaimThread(dead), lost);
        }
      }
      const now = generations[unit] ?? 0;
      agree('state', table.stateOf(unit, now), states[unit]);
      if (states[unit] === HERE) {
        agree('content', content[unit], patternOf(unit, now));
        agree('owner', table.ownerOf(unit), owners[unit]);
      }
    }
    // Every kind of claim was met many times, or the test proves nothing.
    for (const result of [CLAIMED, BUSY, HERE, STALE]) expect(claims[result]).to.be.above(1000);
  });

  it('keeps every byte right while two threads hammer units that change hands', async function () {
    this.timeout(60_000); // a few seconds, but of two busy threads beside this one
    const UNITS = 32;
    const ATTEMPTS = 1_000_000;
    const CHECKS = 1000; // filled units whose every byte was looked at
    const slab = Slab.allocate(UNITS * UNIT_LENGTH_BYTES);
    const table = new BlockTable(new SharedArrayBuffer(BlockTable.byteLength(UNITS)));
    const orders = new Int32Array(new SharedArrayBuffer(UNITS * 4));
    const control = new Int32Array(new SharedArrayBuffer(8));
    const words = new Int32Array(slab.buffer);
    const counter = new GenerationCounter();
    const random = randomFrom(5);

    let broken: Error | undefined;
    const hammer = (thread: number, hangWith?: readonly number[]): Worker => {
      const worker = new Worker(path.join(__dirname, `hammer${path.extname(__filename)}`), {
        workerData: {
          slab: slab.buffer,
          table: table.buffer,
          orders: orders.buffer as SharedArrayBuffer,
          control: control.buffer as SharedArrayBuffer,
          thread,
          seed: 1000 + thread,
          hangWith,
        } satisfies HammerStart,
      });
      worker.once('error', (error: Error) => (broken = error));
      workers.push(worker);
      return worker;
    };
    const recycle = (unit: number): boolean => {
      if (!table.revoke(unit)) return false;
      const generation = counter.next();
      table.assign(unit, generation);
      orders[unit] = generation;
      return true;
    };
    const checkBytes = (unit: number): void => {
      const pattern = patternOf(unit, orders[unit] ?? 0);
      const first = (unit * UNIT_LENGTH_BYTES) / 4;
      for (let i = first; i < first + UNIT_LENGTH_BYTES / 4; i++) {
        if (words[i] !== pattern) expect.fail(`unit ${unit} holds ${words[i]}, not ${pattern}`);
      }
    };

    for (let unit = 0; unit < UNITS; unit++) recycle(unit);

    // A writer that dies in the middle of its copies.
    const doomed = [3, 4, 17];
    const victim = hammer(9, doomed);
    await once(victim, 'message');
    for (const unit of doomed) expect(table.revoke(unit), 'while it is writing').to.be.false;

    const hammers = [hammer(0), hammer(1)];
    const exits = hammers.map((worker) => once(worker, 'exit'));
    let checked = 0;
    const storm = async (untilAttempts: number, untilChecked: number): Promise<void> => {
      while (Atomics.load(control, 1) < untilAttempts || checked < untilChecked) {
        if (broken !== undefined) throw broken;
        for (let i = 0; i < 256; i++) {
          const unit = random(UNITS);
          if (table.stateOf(unit, orders[unit] ?? 0) === HERE) {
            checkBytes(unit);
            const owner = table.ownerOf(unit);
            if (owner % 32 > 1 || (owner - (owner % 32)) / 32 !== orders[unit]) {
              expect.fail(`unit ${unit} of generation ${orders[unit]} has owner ${owner}`);
            }
            checked++;
          } else if (random(4) > 0) {
            continue; // leave most of the missing ones to the writers
          }
          recycle(unit);
        }
        await nextTurn();
      }
    };
    await storm(ATTEMPTS / 2, CHECKS / 2);
    // Nobody else could touch what the victim holds.
    for (const unit of doomed) expect(table.stateOf(unit, orders[unit] ?? 0)).to.equal(ARRIVING);
    await victim.terminate();
    expect(table.reclaimThread(9)).to.equal(doomed.length);
    // One of the two that work is shot in the middle, too; another takes its place.
    const shot = hammers[1];
    await shot?.terminate();
    table.reclaimThread(1);
    hammers.push(hammer(1));
    exits.push(once(hammers[2] as Worker, 'exit'));
    await storm(ATTEMPTS, CHECKS);

    Atomics.store(control, 0, 1);
    for (const [code] of await Promise.all(exits.filter((_, i) => i !== 1))) {
      expect(code).to.equal(0);
    }
    for (let unit = 0; unit < UNITS; unit++) {
      expect(table.stateOf(unit, orders[unit] ?? 0), `unit ${unit}`).to.equal(HERE);
      checkBytes(unit);
    }
  });
});
