// A host and its port as text.

import { addressOfHost, unbracketed } from './text';

export const MAX_PORT = 65_535;

/** Whether anybody can be reached at it: 0 asks for any free port, and is none itself. */
export function isReachablePort(port: number): boolean {
  return port >= 1 && port <= MAX_PORT;
}

export interface HostPort {
  /** A name or an address, without brackets. */
  readonly host: string;
  /** From 1 to 65,535; absent if none was written. */
  readonly port?: number;
}

/**
 * Only an IPv6 address is written in brackets, with or without a zone; no other host contains a
 * colon.
 */
const FORM = /^(\[[^\]\s]+\]|[^\s:[\]/]+)(?::(\d{1,5}))?$/;

/**
 * Parses `HOST`, `HOST:PORT`, `[IPV6]` or `[IPV6]:PORT`; undefined for anything else, including
 * invalid ports.
 */
export function parseHostPort(text: string): HostPort | undefined {
  const [, written, digits] = FORM.exec(text) ?? [];
  if (written === undefined) return undefined;
  const host = unbracketed(written);
  if (host !== written && !(host.includes(':') && addressOfHost(host) !== undefined)) {
    return undefined;
  }
  if (digits === undefined) return { host };
  const port = Number(digits);
  return isReachablePort(port) ? { host, port } : undefined;
}
