// EDGE. The addresses of a host: its own, or those that the system finds for its name.

import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { unbracketed } from '../address/text';
import { unlessStopped } from '../async/on-abort';

export type Family = 4 | 6;

export interface ResolvedAddress {
  readonly address: string;
  readonly family: Family;
}

/** Finds the addresses of a host; rejects with a system error. */
export type Resolve = (host: string, stop: AbortSignal) => Promise<readonly ResolvedAddress[]>;

/**
 * All addresses of a host (name, address, or address in brackets), in the system's order. Rejects
 * like `dns.lookup`.
 */
export async function resolveHost(host: string, stop: AbortSignal): Promise<ResolvedAddress[]> {
  const name = unbracketed(host);
  const literal = isIP(name);
  if (literal !== 0) return [{ address: name, family: literal === 4 ? 4 : 6 }];
  const found = await unlessStopped(lookup(name, { all: true, verbatim: true }), stop);
  return found.map(({ address, family }) => ({ address, family: family === 4 ? 4 : 6 }));
}
