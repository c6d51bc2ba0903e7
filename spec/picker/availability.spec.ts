import { expect } from 'chai';
import fc from 'fast-check';
import { Bitfield } from '../../lib/bytes/bitfield';
import { Availability } from '../../lib/picker/availability';
import type { PeerPieces } from '../../lib/picker/availability';
import { PiecePicker } from '../../lib/picker/picker';

const LENGTH = 1000;

function begin(pieceCount = LENGTH) {
  const picker = new PiecePicker({ pieceCount, random: () => 0.5 });
  return { picker, availability: new Availability(picker) };
}

function bitsOf(pieces: Iterable<number>, pieceCount = LENGTH): Bitfield {
  const bits = new Bitfield(pieceCount);
  for (const piece of pieces) bits.set(piece);
  return bits;
}

function all(pieceCount: number): Bitfield {
  const bits = new Bitfield(pieceCount);
  bits.setAll();
  return bits;
}

describe('picker/availability', () => {
  it('equals what the peers have once all is counted, in any steps and with any churn (property)', () => {
    const step = fc.record({
      kind: fc.constantFrom('join', 'leave', 'have', 'count'),
      which: fc.nat(),
      pieces: fc.uniqueArray(fc.nat(LENGTH - 1), { maxLength: 60 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        const { picker, availability } = begin();
        const peers: PeerPieces[] = [];
        for (const { kind, which, pieces } of steps) {
          const peer = peers[which % Math.max(1, peers.length)];
          if (kind === 'join') peers.push(availability.join(bitsOf(pieces)));
          else if (kind === 'count') availability.count(which % 50);
          else if (peer !== undefined && kind === 'leave') {
            peers.splice(peers.indexOf(peer), 1);
            availability.leave(peer);
          } else if (peer !== undefined) {
            for (const piece of pieces) {
              if (peer.bits.get(piece)) continue;
              peer.bits.set(piece);
              availability.noteHave(peer, piece);
            }
          }
        }
        while (availability.pending) expect(availability.count(20)).to.be.within(1, 24);
        for (let piece = 0; piece < LENGTH; piece++) {
          const holders = peers.filter(({ bits }) => bits.get(piece)).length;
          expect(picker.availability(piece)).to.equal(holders);
        }
      }),
    );
  });

  it('uses no more steps than allowed, and few for a long bitfield with few pieces', () => {
    const { availability } = begin(100_000);
    availability.join(all(100_000));
    expect(availability.count(1000)).to.equal(1000);
    expect(availability.count(0)).to.equal(0);
    const sparse = begin(100_000).availability;
    sparse.join(bitsOf([99_999], 100_000));
    expect(sparse.count(1000)).to.be.below(500);
    expect(sparse.pending).to.equal(false);
  });

  it('uses no more steps than allowed for a peer that leaves', () => {
    const { picker, availability } = begin();
    const peer = availability.join(all(LENGTH));
    availability.count(LENGTH);
    availability.leave(peer);
    expect(availability.count(10)).to.equal(10);
    expect([9, 10].map((piece) => picker.availability(piece))).to.deep.equal([0, 1]);
    expect(availability.pending).to.equal(true);
  });

  it('counts a piece once that a peer gets at the very place where counting stands', () => {
    const { picker, availability } = begin();
    const peer = availability.join(bitsOf([0, 2]));
    availability.count(1);
    expect(peer.to).to.equal(1);
    peer.bits.set(1);
    availability.noteHave(peer, 1);
    while (availability.pending) availability.count(20);
    expect([0, 1, 2, 3].map((piece) => picker.availability(piece))).to.deep.equal([1, 1, 1, 0]);
  });

  it('costs nothing for a peer that is gone before its turn came, and its part for one counted in part', () => {
    const { picker, availability } = begin(100_000);
    for (let peer = 0; peer < 1000; peer++) availability.leave(availability.join(all(100_000)));
    expect(availability.pending).to.equal(false);
    const one = availability.join(all(100_000));
    availability.count(10);
    availability.leave(one);
    expect(picker.availability(9)).to.equal(1);
    expect(availability.count(1e6)).to.equal(10);
    expect(picker.availability(9)).to.equal(0);
  });
});
