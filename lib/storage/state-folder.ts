// Where Millrace keeps what it must remember about an output: one folder beside the data, so that
// no torrent's own folder holds anything that is not the torrent's.
import * as path from 'node:path';

/** Name of the folder inside the output folder. */
export const STATE_FOLDER = '.millrace';

/** `<output>/.millrace/<info hash in hex>.<kind>` */
export function stateFile(root: string, infoHash: Uint8Array, kind: 'lock' | 'resume'): string {
  return path.join(root, STATE_FOLDER, `${Buffer.from(infoHash).toString('hex')}.${kind}`);
}
