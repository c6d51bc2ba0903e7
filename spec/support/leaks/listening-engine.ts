// Runs in a process of its own: an engine that listens until it is killed. Prints its port.

import { Coordinator } from '../../../lib/index';
import type { CoordinatorOptions } from '../../../lib/index';

async function main(): Promise<void> {
  const options = JSON.parse(process.argv[2] ?? '{}') as CoordinatorOptions;
  const engine = await Coordinator.start({ verifyThreads: 2, ...options });
  console.log(JSON.stringify(engine.port));
}

void main();
