// Detects paths that are not UTF-8. Node replaces bytes that it cannot decode by U+FFFD: such a
// path would denote another file, or a new one.

import { isUtf8 } from 'node:buffer';
import { readFileSync, readlinkSync } from 'node:fs';

/** Replaces bytes that are not text. Few real names contain it. */
const REPLACEMENT = '\ufffd';

/**
 * A sentence about the parts of the command line that are not text; undefined if all are. Where the
 * system does not show the bytes (outside Linux) nothing is reported: names are text there.
 */
export function notText(argv: readonly string[]): string | undefined {
  if (argv.some((word) => word.includes(REPLACEMENT))) {
    const words = split(bytesOf(() => readFileSync('/proc/self/cmdline')));
    const broken = words.find((word) => !isUtf8(word));
    if (broken !== undefined) {
      return `the argument ${shown(broken)} is not UTF-8, and only what is can be named: rename it`;
    }
  }
  if (!process.cwd().includes(REPLACEMENT)) return undefined;
  const folder = bytesOf(() => readlinkSync('/proc/self/cwd', { encoding: 'buffer' }));
  if (isUtf8(folder)) return undefined;
  return `the working folder ${shown(folder)} has a name that is not UTF-8: rename it, or work from another`;
}

function bytesOf(read: () => Buffer): Buffer {
  try {
    return read();
  } catch {
    return Buffer.alloc(0);
  }
}

/** The words of a command line as stored by the system, each ended by a NUL. */
function split(line: Buffer): Buffer[] {
  const words: Buffer[] = [];
  for (let at = 0; at < line.length;) {
    const nul = line.indexOf(0, at);
    const end = nul === -1 ? line.length : nul;
    words.push(line.subarray(at, end));
    at = end + 1;
  }
  return words;
}

/** With bytes outside ASCII escaped, as a shell accepts them in `$'…'`. */
function shown(bytes: Buffer): string {
  return bytes
    .toString('latin1')
    .replace(/[^ -~]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
