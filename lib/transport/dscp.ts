// EDGE. Marks the packets of a socket for routers that sort by them (DSCP, RFC 2474). Node can do so
// since some releases of version 24.

import net from 'node:net';
import type { Socket } from 'node:net';

/** Newer than the oldest supported Node. */
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
    // It closed at this moment, or its system does not mark: nothing depends on it.
  }
}
