// EDGE. Sets the DSCP of a socket's packets (RFC 2474), by which routers may prioritise traffic. Some
// releases of Node 24, and all later ones, support this.

import net from 'node:net';
import type { Socket } from 'node:net';

/** Missing in the older supported releases of Node. */
interface MarkableSocket {
  setTypeOfService?: (typeOfService: number) => unknown;
}

/** Whether this Node can mark packets. */
export function canMark(prototype: object = net.Socket.prototype): boolean {
  return typeof (prototype as MarkableSocket).setTypeOfService === 'function';
}

/** Marks what an open socket sends from now on; `dscp` is the upper six bits of the field. */
export function mark(socket: Socket, dscp: number): void {
  try {
    (socket as MarkableSocket).setTypeOfService?.(dscp << 2);
  } catch {
    // The socket has just closed, or the system does not support it: the transfer works without.
  }
}
