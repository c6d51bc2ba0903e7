// The pieces that a peer announces, and when they are reported to the coordinator.

import { expect } from 'chai';
import type { PeerFact } from '../../lib/messages/peer-thread';
import { MessageBudget } from '../../lib/peer/message-budget';
import { TheirPieces } from '../../lib/peer/their-pieces';
import { Side } from '../support/pair';

function begin(
  pieceCount: number,
  open = true,
): {
  pieces: TheirPieces;
  budget: MessageBudget;
  taken(): PeerFact[];
} {
  const facts: PeerFact[] = [];
  const budget = new MessageBudget(0);
  const output = {
    fact: (fact: PeerFact): unknown => facts.push(fact),
    serve: (): void => undefined,
    close: (): void => undefined,
  };
  const pieces = new TheirPieces(32, output, budget);
  if (open) pieces.open(pieceCount);
  return { pieces, budget, taken: () => facts.splice(0) };
}

const haves = (...pieces: number[]): PeerFact => ({ type: 'peer-have', connection: 32, pieces });

/** Bits 0 … `count` − 1 of a field of that many bytes. */
function firstBits(count: number, lengthBytes: number): Uint8Array {
  const bits = new Uint8Array(lengthBytes).fill(0xff, 0, count >>> 3);
  if (count % 8 > 0) bits[count >>> 3] = 0xff << (8 - (count % 8));
  return bits;
}

describe('peer/their pieces', () => {
  it('of a peer that feeds us go up every 100 ms, the first ones at once', () => {
    const { pieces, taken } = begin(16);
    expect(pieces.dueMs).to.equal(Infinity);
    pieces.onHave(1);
    pieces.post(true, 5_000);
    expect(taken()).to.deep.equal([haves(1)]);
    expect(pieces.dueMs).to.equal(Infinity);
    pieces.onHave(2);
    pieces.post(true, 5_050);
    pieces.onHave(3);
    pieces.post(true, 5_099);
    expect(taken()).to.deep.equal([]);
    expect(pieces.dueMs).to.equal(5_100);
    pieces.post(true, 5_100);
    expect(taken()).to.deep.equal([haves(2, 3)]);
    pieces.post(true, 9_000);
    expect(taken()).to.deep.equal([]);
  });

  it('of a peer that feeds nothing go up at once', () => {
    const { pieces, taken } = begin(16);
    for (const piece of [1, 2]) {
      pieces.onHave(piece);
      pieces.post(false, 5_000);
      expect(taken()).to.deep.equal([haves(piece)]);
    }
  });

  it('are not known before the first message', () => {
    const { pieces } = begin(8, false);
    expect(pieces.has(0)).to.equal(false);
    pieces.open(8);
    expect(pieces.has(0)).to.equal(false);
    pieces.onHave(0);
    expect(pieces.has(0)).to.equal(true);
  });

  it('of a late bitfield go up one by one to a thousand, and as a bitfield beyond', () => {
    const BYTES = 250;
    for (const [count, type] of [
      [1_000, 'peer-have'],
      [1_001, 'peer-bitfield'],
    ] as const) {
      const { pieces, taken } = begin(8 * BYTES);
      pieces.onBitfield(new Uint8Array(BYTES), true);
      pieces.onHave(1_999);
      taken();
      pieces.onBitfield(firstBits(count, BYTES), false);
      pieces.post(false, 0);
      const facts = taken();
      expect(facts.map((fact) => fact.type)).to.deep.equal([type]);
      for (const piece of [0, 999, 1_999]) expect(pieces.has(piece)).to.equal(true);
      expect(pieces.has(1_500)).to.equal(false);
    }
  });

  it('cost nothing in the first bitfield, and their length in later ones', () => {
    const BYTES = 262_144;
    const { pieces, budget } = begin(8 * BYTES);
    pieces.onBitfield(new Uint8Array(BYTES).fill(0xff), true);
    budget.endRead(BYTES, 0, 0);
    expect(budget.readAgainMs).to.equal(-Infinity);
    pieces.onBitfield(new Uint8Array(BYTES), false);
    budget.endRead(BYTES, 0, 0);
    expect(budget.readAgainMs).to.equal((1 + BYTES / 64 - 2_000) / 2);
  });

  it('cost five times more in a late bitfield that goes up as one', () => {
    const BYTES = 65_536;
    const { pieces, budget } = begin(8 * BYTES);
    pieces.onBitfield(new Uint8Array(BYTES), true);
    pieces.onBitfield(new Uint8Array(BYTES).fill(0xff), false);
    budget.endRead(BYTES, 0, 0);
    expect(budget.readAgainMs).to.equal((2 + (6 * BYTES) / 64 - 2_000) / 2);
  });

  it('that are news cost nothing, each in a read of its own, before the content is known, too', () => {
    const side = new Side({ pieceLengthBytes: 16, totalLengthBytes: 48_000, openLater: true });
    for (let piece = 0; piece < 3_000; piece++) side.receive((writer) => writer.have(piece));
    expect(side.session.readAgainMs).to.equal(-Infinity);
  });
});
