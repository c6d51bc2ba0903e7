// The uplink of a simulated node: one block at a time, and its connections take turns.

import { writePieceHeader } from '../../lib/wire/encoder';
import { PIECE_HEADER_LENGTH_BYTES } from '../../lib/wire/messages';
import type { SimConnection } from './sim-connection';
import type { SimNode } from './sim-node';

const DEFAULT_BYTES_PER_SEC = 10_000_000;

export class SimUplink {
  bytesPerSec: number;
  readonly #node: SimNode;
  /** Connections with requests to serve, the next one first. */
  readonly #waiting = new Set<SimConnection>();
  #busy = false;

  constructor(node: SimNode) {
    this.#node = node;
    this.bytesPerSec = node.options.uplinkBytesPerSec ?? DEFAULT_BYTES_PER_SEC;
  }

  /** The connection has requests to serve. */
  serve(connection: SimConnection): void {
    this.#waiting.add(connection);
    if (this.#busy) return;
    this.#busy = true;
    this.#node.later(0, () => this.#serveNext());
  }

  /** The process is gone, and what it was sending, too. */
  clear(): void {
    this.#waiting.clear();
    this.#busy = false;
  }

  #serveNext(): void {
    this.#busy = false;
    for (const next of this.#waiting) {
      this.#waiting.delete(next);
      const { serving } = next.session;
      if (!next.open || serving.waiting === 0) continue;
      if (serving.allowance !== undefined && serving.allowance.roomBytes <= 0) {
        serving.allowance.wait();
        continue;
      }
      this.#busy = true;
      const message = this.#takeBlock(next);
      this.#node.later((message.length * 1000) / this.bytesPerSec, () => {
        if (next.open) next.sendBlock(message);
        if (next.session.serving.waiting > 0) this.#waiting.add(next);
        this.#serveNext();
      });
      return;
    }
  }

  #takeBlock({ session, watch }: SimConnection): Uint8Array {
    const { swarm, stored, options, nowMs } = this.#node;
    const { queue } = session.serving;
    const piece = queue.pieceAt(queue.first);
    const begin = queue.beginAt(queue.first);
    const lengthBytes = queue.lengthBytesAt(queue.first);
    queue.shift();
    const message = swarm.buffers.take(PIECE_HEADER_LENGTH_BYTES + lengthBytes);
    writePieceHeader(message, 0, piece, begin, lengthBytes);
    const at = piece * swarm.torrent.metainfo.pieceLengthBytes + begin;
    message.set(stored.subarray(at, at + lengthBytes), PIECE_HEADER_LENGTH_BYTES);
    if (options.spoils?.includes(piece)) message[20] = (message[20] ?? 0) ^ 0xff;
    session.noteServed(lengthBytes, nowMs);
    watch?.served(piece, begin, lengthBytes);
    return message;
  }
}

/** Buffers that are used again: a swarm sends many blocks of one length. */
export class Buffers {
  readonly #free = new Map<number, Uint8Array[]>();

  take(lengthBytes: number): Uint8Array {
    return this.#free.get(lengthBytes)?.pop() ?? new Uint8Array(lengthBytes);
  }

  giveBack(buffer: Uint8Array): void {
    const free = this.#free.get(buffer.length);
    if (free) free.push(buffer);
    else this.#free.set(buffer.length, [buffer]);
  }
}
