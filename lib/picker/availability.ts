// Counts the pieces of each peer into the picker in steps, so that a long bitfield does not block
// the event loop. A peer that leaves before it is counted costs nothing.

import type { Bitfield } from '../bytes/bitfield';
import type { PiecePicker } from './picker';

/** Skipping this many pieces that the peer lacks takes as long as counting one. */
const PASSED_PIECES_PER_STEP = 256;

/**
 * The pieces of one peer; those from `from` to `to` are counted. Its bits may grow until it leaves.
 */
export interface PeerPieces {
  readonly bits: Bitfield;
  from: number;
  to: number;
}

/** The counting methods of the picker. */
type Counted = Pick<PiecePicker, 'addHave' | 'removeHave'>;

export class Availability {
  private readonly picker: Counted;
  private readonly joining = new Set<PeerPieces>();
  private readonly leaving = new Set<PeerPieces>();

  constructor(picker: Counted) {
    this.picker = picker;
  }

  /** Some peer is not counted, or not subtracted, completely. */
  get pending(): boolean {
    return this.joining.size + this.leaving.size > 0;
  }

  /** Adds a peer with these pieces. `count` counts them step by step. */
  join(bits: Bitfield): PeerPieces {
    const peer = { bits, from: 0, to: 0 };
    this.joining.add(peer);
    return peer;
  }

  /** The peer has a new piece, and its bit is set. */
  noteHave(peer: PeerPieces, piece: number): void {
    if (piece < peer.to) this.picker.addHave(piece);
  }

  /** The peer no longer has a piece, whose bit is still set. */
  noteLoss(peer: PeerPieces, piece: number): void {
    if (piece < peer.to) this.picker.removeHave(piece);
  }

  /** Removes a peer. Its bits must not change any more. */
  leave(peer: PeerPieces): void {
    this.joining.delete(peer);
    if (peer.to > 0) this.leaving.add(peer);
  }

  /** Continues counting for about `maxSteps` steps; returns the number of steps taken. */
  count(maxSteps: number): number {
    let steps = 0;
    for (const peer of this.leaving) {
      if (steps >= maxSteps) return steps;
      while (steps < maxSteps && peer.from < peer.to) {
        const [piece, next] = nextOf(peer.bits, peer.from, peer.to);
        if (piece !== -1) this.picker.removeHave(piece);
        steps += stepsBetween(peer.from, next);
        peer.from = next;
      }
      if (peer.from === peer.to) this.leaving.delete(peer);
    }
    for (const peer of this.joining) {
      if (steps >= maxSteps) return steps;
      const { bits } = peer;
      while (steps < maxSteps && peer.to < bits.length) {
        const [piece, next] = nextOf(bits, peer.to, bits.length);
        if (piece !== -1) this.picker.addHave(piece);
        steps += stepsBetween(peer.to, next);
        peer.to = next;
      }
      if (peer.to === bits.length) this.joining.delete(peer);
    }
    return steps;
  }
}

/** The first piece at or after `from`, or -1, and where to continue; both limited by `to`. */
function nextOf(bits: Bitfield, from: number, to: number): [piece: number, next: number] {
  const piece = bits.nextSet(from);
  return piece === -1 ? [-1, to] : [piece, piece + 1];
}

function stepsBetween(from: number, to: number): number {
  return 1 + Math.floor((to - from) / PASSED_PIECES_PER_STEP);
}
