// PURE. One copy of the metadata that is being fetched: the pieces received, their senders, and the pieces requested.

import { METADATA_PIECE_BYTES, metadataPieceCount } from '../../wire/metadata-message';
import type { Identity } from '../pieces/witness';
import type { Giver } from './giver';
import type { RoomHolder } from './room';

/**
 * After this time a requested piece is requested from a second peer that has nothing else to do: two slow round
 * trips.
 */
const SECOND_ASK_MS = 2_000;

interface Asking {
  readonly giver: Giver;
  readonly sinceMs: number;
}

export class Attempt implements RoomHolder {
  readonly totalBytes: number;
  /** The only peer that fills it; undefined: all peers that announced this length. */
  readonly sole: Giver | undefined;
  readonly giveWay: () => void;
  /** It is complete, and its hash is being computed. */
  isChecked = false;
  receivedBytes = 0;
  private buffer: SharedArrayBuffer | undefined;
  /** The sender of each piece; undefined for a missing one. */
  private readonly fillers: (Identity | undefined)[];
  private missing: number;
  private readonly sliceEndMs: number;
  /** Pieces to request, the next one last; some may have been received since. */
  private readonly unasked: number[];
  private readonly asked = new Map<number, Asking[]>();

  constructor(
    totalBytes: number,
    sole: Giver | undefined,
    sliceEndMs: number,
    giveWay: (attempt: Attempt) => void,
  ) {
    this.totalBytes = totalBytes;
    this.sole = sole;
    this.sliceEndMs = sliceEndMs;
    this.giveWay = () => giveWay(this);
    this.missing = metadataPieceCount(totalBytes);
    this.fillers = new Array<undefined>(this.missing).fill(undefined);
    this.unasked = Array.from(this.fillers, (_, at) => this.missing - 1 - at);
  }

  get isComplete(): boolean {
    return this.missing === 0;
  }

  /** The pieces so far; allocated with the first one. */
  get bytes(): SharedArrayBuffer {
    this.buffer ??= new SharedArrayBuffer(this.totalBytes);
    return this.buffer;
  }

  /** The senders of the pieces of a complete copy, in the order of the pieces. */
  get senders(): readonly Identity[] {
    return this.fillers.filter((filler) => filler !== undefined);
  }

  mayGiveWay(nowMs: number): boolean {
    return !this.isChecked && nowMs >= this.sliceEndMs;
  }

  has(piece: number): boolean {
    return this.fillers[piece] !== undefined;
  }

  /** The piece to request from this peer next; undefined: none. */
  next(giver: Giver, nowMs: number): number | undefined {
    for (let piece = this.unasked.pop(); piece !== undefined; piece = this.unasked.pop())
      if (!this.has(piece) && !this.asked.has(piece)) return piece;
    for (const [piece, [first, second]] of this.asked) {
      if (first === undefined || second !== undefined || first.giver === giver) continue;
      if (nowMs - first.sinceMs >= SECOND_ASK_MS) return piece;
    }
    return undefined;
  }

  ask(giver: Giver, piece: number, nowMs: number): void {
    giver.asked.set(piece, nowMs);
    const askings = this.asked.get(piece) ?? [];
    askings.push({ giver, sinceMs: nowMs });
    this.asked.set(piece, askings);
  }

  /** The peer will not send this piece: it may be requested from others. */
  release(giver: Giver, piece: number): void {
    const askings = this.asked.get(piece)?.filter((asking) => asking.giver !== giver);
    if (askings === undefined) return;
    if (askings.length > 0) return void this.asked.set(piece, askings);
    this.asked.delete(piece);
    if (!this.has(piece)) this.unasked.push(piece);
  }

  /** A piece of the right length, which is missing. */
  put(sender: Identity, piece: number, bytes: Uint8Array): void {
    new Uint8Array(this.bytes).set(bytes, piece * METADATA_PIECE_BYTES);
    this.fillers[piece] = sender;
    this.asked.delete(piece);
    this.receivedBytes += bytes.length;
    this.missing--;
  }
}
