// A session that begins before its content is known: the pieces that the peer announces meanwhile
// have the same effect, and nothing is served, requested or kept without bound.

import { expect } from 'chai';
import fc from 'fast-check';
import { Slab, UNIT_LENGTH_BYTES } from '../../lib/memory/slab';
import { EarlyPieces } from '../../lib/peer/early-pieces';
import { encodeExtendedHandshake } from '../../lib/wire/extended-handshake';
import type { WireWriter } from '../../lib/wire/encoder';
import { Side } from '../support/pair';
import type { SideOptions } from '../support/pair';

/** Two bytes of bitfield, with three spare bits. */
const PIECES = 13;
// One slab for all: reserving address space is what takes the time.
const slab = Slab.allocate(16 * UNIT_LENGTH_BYTES);
const options: SideOptions = {
  pieceLengthBytes: 16_384,
  totalLengthBytes: PIECES * 16_384,
  slab,
  fast: true,
};
const later = (more: SideOptions = {}): Side => new Side({ ...options, openLater: true, ...more });

function bitsOf(bits: Uint8Array | 'all' | 'none'): Uint8Array {
  if (bits === 'none') return new Uint8Array(2);
  return bits === 'all' ? Uint8Array.of(0xff, 0xf8) : bits;
}

/** What the coordinator would know of the peer: a bitfield replaces, haves add. */
function knownPieces(side: Side): number[] {
  const known = new Set<number>();
  for (const fact of side.facts) {
    if (fact.type === 'peer-have') fact.pieces.forEach((piece) => known.add(piece));
    if (fact.type !== 'peer-bitfield') continue;
    known.clear();
    const bits = bitsOf(fact.bits);
    for (let piece = 0; piece < 8 * bits.length; piece++) {
      if ((bits[piece >>> 3] ?? 0) & (0x80 >>> (piece & 7))) known.add(piece);
    }
  }
  return [...known].sort((a, b) => a - b);
}

describe('peer/session without content', () => {
  it('comes to the same pieces, or the same end, whenever the content is known (property)', () => {
    const byte = fc.integer({ min: 0, max: 255 });
    const word = fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: 0, max: PIECES - 1 }) },
      { weight: 6, arbitrary: fc.tuple(byte, byte) },
      { weight: 2, arbitrary: fc.constantFrom('all' as const, 'none' as const) },
      // What breaks a rule: pieces that do not exist, bitfields too short, too long.
      { weight: 1, arbitrary: fc.constantFrom(PIECES, 15, 16, 2_097_151, 2 ** 32 - 1) },
      { weight: 1, arbitrary: fc.constantFrom([255], [0, 0, 0], []) },
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 12 }), fc.nat(12), (words, opensAt) => {
        const say = (side: Side, pieces: typeof words): Side =>
          side.receive((writer) => {
            for (const one of pieces) {
              if (typeof one === 'number') writer.have(one);
              else if (one === 'all') writer.haveAll();
              else if (one === 'none') writer.haveNone();
              else writer.bitfield(Uint8Array.from(one));
            }
          });
        const known = say(new Side(options), words);
        const learnt = say(later(), words.slice(0, opensAt)).open();
        say(learnt, words.slice(opensAt));
        known.tick(1000);
        learnt.tick(1000);
        expect(learnt.closed === undefined).to.equal(known.closed === undefined);
        if (known.closed === undefined) {
          expect(knownPieces(learnt)).to.deep.equal(knownPieces(known));
          expect(learnt.session.haveAnnounced([0])).to.equal(known.session.haveAnnounced([0]));
        } else {
          expect(learnt.closed?.reason).to.be.oneOf([
            'bad-bitfield',
            'bad-piece-index',
            'message-too-long',
          ]);
        }
        expect(learnt.of('log')).to.deep.equal([]);
      }),
      { numRuns: 500 },
    );
  });

  it('reports early pieces once, as a bitfield without spare bits', () => {
    const side = later();
    side.receive((writer) => {
      writer.bitfield(Uint8Array.of(0x80, 0x0f));
      writer.have(3);
      writer.have(3);
    });
    expect(side.facts).to.deep.equal([]);
    side.open();
    expect(side.facts).to.deep.equal([
      { type: 'peer-bitfield', connection: 32, bits: Uint8Array.of(0x90, 0x08) },
    ]);
    side.receive((writer) => writer.have(4));
    expect(knownPieces(side)).to.deep.equal([0, 3, 4, 12]);
  });

  for (const [what, reason, say] of [
    ['a have past the last piece', 'bad-piece-index', (w) => w.have(13)],
    ['a have of a piece that no torrent has', 'bad-piece-index', (w) => w.have(2_097_152)],
    ['a bitfield too short', 'bad-bitfield', (w) => w.bitfield(Uint8Array.of(0))],
    ['a bitfield too long', 'bad-bitfield', (w) => w.bitfield(new Uint8Array(3))],
  ] as [string, string, (writer: WireWriter) => void][]) {
    it(`closes on ${what}: ${reason}`, () => {
      const side = later().receive(say).open();
      expect(side.closed?.reason).to.equal(reason);
      expect(side.facts).to.deep.equal([]);
    });
  }

  it('closes at once on bitfields of two lengths: one of them is wrong', () => {
    const side = later().receive((writer) => {
      writer.bitfield(new Uint8Array(2));
      writer.bitfield(new Uint8Array(3));
    });
    expect(side.closed).to.deep.equal({
      reason: 'bad-bitfield',
      detail: 'a bitfield of 3 bytes after one of 2 (BEP 3)',
    });
  });

  it('caps a bitfield by the largest torrent, and one that has begun by this one', () => {
    const header = (bytes: number): Uint8Array => {
      const frame = Buffer.alloc(6);
      frame.writeUInt32BE(1 + bytes, 0);
      frame[4] = 5;
      return frame;
    };
    expect(later().feed(header(262_144)).closed).to.equal(undefined);
    expect(later().feed(header(262_145)).closed?.reason).to.equal('message-too-long');
    const side = later().feed(header(262_144)).open();
    expect(side.closed).to.equal(undefined);
    expect(side.feed(Uint8Array.of(0)).closed?.reason).to.equal('message-too-long');
  });

  it('sends no bitfield, serves nothing and requests nothing; extensions work', () => {
    const side = later({ have: 'all', fast: false });
    side.start();
    side.session.setChoked(false);
    side.receive((writer) => {
      writer.unchoke();
      writer.interested();
      writer.request(0, 0, 16_384);
      writer.request(99, 0, 16_384);
      writer.cancel(0, 0, 16_384);
      writer.extended(0, encodeExtendedHandshake({ extensions: {}, client: 'x' }));
    });
    expect(side.session.serving.waiting).to.equal(0);
    expect(side.sent().map(({ type }) => type)).to.deep.equal(['extended', 'unchoke']);
    expect(side.facts.map(({ type }) => type)).to.have.members([
      'extended-handshake',
      'peer-choke',
      'peer-interest',
    ]);
    expect(side.closed).to.equal(undefined);
    side.feed(side.block(0, 0));
    expect(side.closed?.reason).to.equal('unrequested-piece');
  });

  it('once open announces what we have piece by piece, serves and downloads', () => {
    const side = later({ have: [2, 12] }).start();
    side.take();
    side.receive((writer) => writer.bitfield(Uint8Array.of(0xff, 0xf8)));
    side.open();
    expect(side.sent()).to.deep.equal([
      { type: 'have', piece: 2 },
      { type: 'have', piece: 12 },
    ]);
    side.session.setChoked(false);
    side.session.setInterested(true, side.nowMs);
    side.receive((writer) => {
      writer.unchoke();
      writer.request(2, 0, 16_384);
    });
    const lease = side.lease(0);
    expect(side.sent().map(({ type }) => type)).to.have.members([
      'unchoke',
      'interested',
      'piece',
      'request',
    ]);
    side.feed(side.block(0, 0));
    expect(side.leased(lease)).to.deep.equal(side.content.subarray(0, 16_384));
    side.receive((writer) => writer.request(PIECES, 0, 16_384));
    expect(side.closed?.reason).to.equal('bad-piece-index');
  });

  it('opens no conversation that is over', () => {
    const side = later({ have: 'all' });
    side.session.close('not-useful', 'done');
    side.open();
    expect(side.sent()).to.deep.equal([]);
  });

  it('charges repeated messages, as after the content is known', () => {
    const flood = (say: (writer: WireWriter) => void): number => {
      const side = later();
      side.receive((writer) => {
        for (let time = 0; time < 10_000; time++) say(writer);
      });
      return side.session.readAgainMs - side.nowMs;
    };
    expect(flood((writer) => writer.have(3))).to.be.above(0);
    expect(flood((writer) => writer.bitfield(new Uint8Array(2)))).to.be.above(0);
  });
});

describe('peer/early pieces', () => {
  it('stay empty in a torrent with one piece whose bitfield is empty', () => {
    const early = new EarlyPieces();
    early.addBitfield(Uint8Array.of(0));
    expect(early.of(1)).to.deep.equal(Uint8Array.of(0));
  });

  it('take memory by the highest piece, to 256 KiB', () => {
    const early = new EarlyPieces();
    expect(early.heldBytes).to.equal(0);
    early.addHave(7);
    expect(early.heldBytes).to.equal(1);
    for (let piece = 8; piece < 2_097_152; piece += 1_000) early.addHave(piece);
    early.addHave(2_097_151);
    expect(early.heldBytes).to.be.at.most(262_144);
    expect(early.addHave(2_097_151)).to.equal(false);
    expect(() => early.addHave(2_097_152)).to.throw(/2097152, which does not exist/);
  });
});
