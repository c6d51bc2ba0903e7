// Records the committed journals anew: `npm run journals`, after the coordinator was changed on purpose.

import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { COMMITTED, fileOf } from './committed';
import { saveJournal } from './journal';

async function recordAll(): Promise<void> {
  for (const run of COMMITTED) {
    const file = fileOf(run);
    const journal = await run.record();
    mkdirSync(dirname(file), { recursive: true });
    saveJournal(file, journal);
    console.log(`${file}: ${journal.steps.length} steps, ${statSync(file).size} bytes`);
  }
}

void recordAll();
