// Reads the resume record of a torrent while an engine writes it.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeRecord } from '../../lib/storage/resume-record';
import type { Payload } from './payload';
import { within } from './swarm';

/** Resolves once the record names `pieces` pieces: they are synced. */
export function untilRecorded(output: string, payload: Payload, pieces: number): Promise<void> {
  const name = `${Buffer.from(payload.metainfo.infoHash).toString('hex')}.resume`;
  const poll = async (): Promise<void> => {
    for (;;) {
      const bytes = await readFile(join(output, '.millrace', name)).catch(() => undefined);
      if (bytes !== undefined && decodeRecord(bytes).have.count() >= pieces) return;
      await new Promise((done) => setTimeout(done, 20));
    }
  };
  return within(poll(), `a record of ${pieces} pieces`);
}
