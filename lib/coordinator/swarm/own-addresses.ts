// Addresses at which the engine reached itself. No torrent dials them again.

import type { Engine } from '../engine';

/** More than an engine has. Bounds the memory that a peer with our peer id at many addresses can take. */
const MAX_OWN_ADDRESSES = 256;

export function isOwnAddress({ state }: Engine, host: string, port: number): boolean {
  return state.ownAddresses.has(`${host}|${port}`);
}

/** A dial ended with our own peer id. */
export function noteOwnAddress({ state }: Engine, host: string, port: number): void {
  const { ownAddresses } = state;
  const [oldest] = ownAddresses;
  if (ownAddresses.size >= MAX_OWN_ADDRESSES && oldest !== undefined) ownAddresses.delete(oldest);
  ownAddresses.add(`${host}|${port}`);
}
