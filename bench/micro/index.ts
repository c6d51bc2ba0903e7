// All micro benches.

import type { Engine } from '../support/engine';
import type { Results } from '../support/results';
import { bencodeTasks } from './bencode';
import { bitfieldTasks } from './bitfield';
import { claimTasks } from './claim';
import { benchHops } from './hop';
import { ipFilterTasks } from './ip-filter';
import { pickerTasks } from './picker';
import { runTasks } from './task';
import { traceTasks } from './trace';
import { benchVerify } from './verify';
import { wireTasks } from './wire';

export async function benchMicro(engine: Engine, quick: boolean, results: Results): Promise<void> {
  const options = { timeMs: quick ? 20 : 500 };
  const groups = [
    wireTasks,
    bencodeTasks,
    bitfieldTasks,
    pickerTasks,
    claimTasks,
    traceTasks,
    ipFilterTasks,
  ];
  for (const tasks of groups) await runTasks(tasks(engine), options, results);
  await benchHops(engine, options, results);
  await benchVerify(engine, quick ? 1 : 5, results);
}
