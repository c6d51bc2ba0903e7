// Identifies the boot of the machine: process ids, start ticks and device numbers are valid within
// one boot.
import { readFileSync } from 'node:fs';

/** Random, one per boot; undefined where the system has none (only Linux does). */
export function bootId(): string | undefined {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return undefined;
  }
}
