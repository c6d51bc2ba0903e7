// Folders of small files for the specs of this room, gone after each spec.

import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { MillraceError } from '../../lib/errors/millrace-error';

export class TempTree {
  readonly root = mkdtempSync(path.join(tmpdir(), 'millrace-tree-'));

  /** Writes a file, with its folders; a number stands for that many bytes. */
  write(name: string, content: Uint8Array | string | number): string {
    const file = path.join(this.root, name);
    mkdirSync(path.dirname(file), { recursive: true });
    const bytes = typeof content === 'number' ? patterned(content) : content;
    writeFileSync(file, bytes);
    return file;
  }

  path(name: string): string {
    return path.join(this.root, name);
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

function patterned(lengthBytes: number): Buffer {
  const bytes = Buffer.alloc(lengthBytes);
  for (let at = 0; at < lengthBytes; at++) bytes[at] = (at * 7 + (at >> 8) * 13) & 0xff;
  return bytes;
}

/** The error that a promise ends with. */
export async function refusal(promise: Promise<unknown>): Promise<MillraceError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof MillraceError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}
