// The one copy of a block on its way in: claim the unit, copy, publish; and what the coordinator
// pays to hand the unit out and take it back.

import { load } from '../support/engine';
import type { Engine } from '../support/engine';
import type { MicroTask } from './task';
import type * as SlabModule from '../../lib/memory/slab';
import type * as TableModule from '../../lib/memory/block-table';

/** One MiB stays in the core's cache, 64 MiB (the default budget) do not. */
const UNITS = [64, 4096];
/** Where a block lies in a read buffer: behind its header of 13 bytes, at no aligned place. */
const SOURCE_OFFSET = 13;
const MOST_GENERATIONS = 2 ** 25 - 1;

export function* claimTasks(engine: Engine): Generator<MicroTask> {
  const { Slab, UNIT_LENGTH_BYTES } = load<typeof SlabModule>(engine, 'memory/slab');
  const { BlockTable } = load<typeof TableModule>(engine, 'memory/block-table');
  const read = Buffer.alloc(262_144, 7);
  for (const units of UNITS) {
    const slab = Slab.allocate(units * UNIT_LENGTH_BYTES);
    const table = new BlockTable(new SharedArrayBuffer(BlockTable.byteLength(units)));
    let generation = 1;
    const handOut = (): void => {
      generation = (generation % MOST_GENERATIONS) + 1;
      for (let unit = 0; unit < units; unit++) {
        table.revoke(unit);
        table.assign(unit, generation);
      }
    };
    const fill = (copy: boolean): void => {
      handOut();
      for (let unit = 0; unit < units; unit++) {
        table.claim(unit, generation, 1, 1);
        if (copy) slab.copyIn(unit, read, SOURCE_OFFSET, SOURCE_OFFSET + UNIT_LENGTH_BYTES);
        table.publish(unit, generation, 1);
      }
    };
    const slabMib = (units * UNIT_LENGTH_BYTES) / 2 ** 20;
    const tasks = {
      'block: hand a unit out, take it back': handOut,
      'block: the same, claim, publish': () => fill(false),
      'block: the same, claim, copy, publish': () => fill(true),
    };
    for (const [subject, run] of Object.entries(tasks)) {
      yield { subject, case: { slabMib }, units, run };
    }
  }
}
