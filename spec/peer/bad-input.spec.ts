// Every way for a peer to break the rules after its handshake: one clear reason each, no crash.
import { expect } from 'chai';
import fc from 'fast-check';
import { Slab, UNIT_LENGTH_BYTES } from '../../lib/memory/slab';
import { Side } from '../support/pair';

function frame(id: number, ...payload: number[]): Uint8Array {
  const length = payload.length + 1;
  return Uint8Array.of(length >>> 24, length >>> 16, length >>> 8, length, id, ...payload);
}

const CASES: readonly (readonly [string, string, (side: Side) => void])[] = [
  ['a length of 2 GiB', 'message-too-long', (s) => s.feed(Uint8Array.of(0x80, 0, 0, 0, 7))],
  ['a length of 4 GiB - 1', 'message-too-long', (s) => s.feed(Uint8Array.of(255, 255, 255, 255))],
  ['a block longer than any request', 'message-too-long', (s) => s.feed(s.block(0, 0, 16_385))],
  ['a choke with a payload', 'bad-message', (s) => s.feed(frame(0, 1))],
  ['a short request', 'bad-message', (s) => s.feed(frame(6, 0, 0, 0, 0))],
  ['a bitfield too short', 'bad-bitfield', (s) => s.feed(frame(5, 0xff))],
  ['a bitfield too long', 'message-too-long', (s) => s.feed(frame(5, 0xff, 0xff, 0xff))],
  ['a have out of range', 'bad-piece-index', (s) => s.feed(frame(4, 0, 0, 0, 16))],
  ['a have of 2^32 - 1', 'bad-piece-index', (s) => s.feed(frame(4, 255, 255, 255, 255))],
  ['a block never asked for', 'unrequested-piece', (s) => s.feed(s.block(0, 0))],
  ['a block of no piece', 'bad-piece-index', (s) => s.feed(frame(7, 0, 0, 0, 99, 0, 0, 0, 0, 1))],
  ['a request out of range', 'bad-piece-index', (s) => s.receive((w) => w.request(16, 0, 1))],
  ['a request past the end', 'bad-request', (s) => s.receive((w) => w.request(0, 65_536 - 1, 2))],
  ['a request at 2^32 - 1', 'bad-request', (s) => s.receive((w) => w.request(0, 2 ** 32 - 1, 1))],
  ['a request for nothing', 'bad-request', (s) => s.receive((w) => w.request(0, 0, 0))],
  ['a request too long', 'bad-request', (s) => s.receive((w) => w.request(0, 0, 131_073))],
  ['a broken extended handshake', 'bad-extended-message', (s) => s.feed(frame(20, 0, 0x64))],
];

// One slab for the properties: reserving 32 MiB of address space per run is what takes the time.
const slab = Slab.allocate(2048 * UNIT_LENGTH_BYTES);

describe('peer/bad input', () => {
  for (const [what, reason, misbehave] of CASES) {
    it(`${what}: ${reason}`, () => {
      const side = new Side({ have: 'all' });
      misbehave(side);
      expect(side.closed?.reason).to.equal(reason);
      expect(side.closed?.detail).to.match(/^\S.*\S$/);
      expect(side.of('log')).to.deep.equal([]);
    });
  }

  it('spare bits in a bitfield are cleared, in the first and in a late one', () => {
    const side = new Side({ totalLengthBytes: 9 * 65_536 });
    side.feed(frame(5, 0xf0, 0x7f));
    expect(side.of('peer-bitfield').map(({ bits }) => [...bits])).to.deep.equal([[0xf0, 0]]);
    side.feed(frame(5, 0xff, 0xff));
    side.session.endTurn();
    expect(side.of('peer-have').flatMap(({ pieces }) => pieces)).to.deep.equal([4, 5, 6, 7, 8]);
    expect(side.closed).to.equal(undefined);
  });

  describe('with requests outstanding', () => {
    function asked(): Side {
      const side = new Side();
      side.session.setInterested(true, side.nowMs);
      side.receive((writer) => writer.unchoke());
      side.lease(0);
      side.take();
      return side;
    }

    it('a block shorter than asked', () => {
      const side = asked();
      side.feed(side.block(0, 0, 100));
      expect(side.closed).to.deep.equal({
        reason: 'bad-message',
        detail: 'a block of 100 bytes answers a request for 16384 (BEP 3)',
      });
    });

    it('a wrong begin', () => {
      const side = asked();
      const block = side.block(0, 0);
      block[12] = 1;
      side.feed(block);
      expect(side.closed?.reason).to.equal('unrequested-piece');
    });

    it('the same block twice', () => {
      const side = asked();
      side.feed(side.block(0, 0), side.block(0, 0));
      expect(side.closed?.reason).to.equal('unrequested-piece');
    });

    it('another piece', () => {
      const side = asked();
      side.feed(side.block(1, 0));
      expect(side.closed?.reason).to.equal('unrequested-piece');
    });
  });

  it('survives any garbage: it goes on or closes with a reason, and never throws', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), (chunks) => {
        const side = new Side({ have: 'all', slab });
        side.session.setChoked(false);
        side.feed(...chunks);
        expect(side.of('log')).to.deep.equal([]);
      }),
      { numRuns: 200 },
    );
  });

  it('survives any sequence of well-formed messages', () => {
    const index = fc.integer({ min: 0, max: 17 });
    const message = fc.oneof(
      fc.constantFrom(0, 1, 2, 3).map((id) => frame(id)),
      index.map((piece) => frame(4, 0, 0, 0, piece)),
      fc
        .tuple(fc.constantFrom(6, 8), index, fc.integer({ min: 0, max: 8 }))
        .map(([id, piece, begin]) => frame(id, 0, 0, 0, piece, 0, 0, begin << 4, 0, 0, 0, 0x40, 0)),
      index.map((piece) => frame(7, 0, 0, 0, piece, 0, 0, 0, 0, 1, 2, 3)),
    );
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 60 }),
        fc.integer({ min: 0, max: 15 }),
        (all, p) => {
          const side = new Side({ have: 'all', slab });
          side.session.setChoked(false);
          side.session.setInterested(true, side.nowMs);
          for (const bytes of all) {
            side.feed(bytes);
            if (side.session.download.heldBlocks === 0 && !side.session.closed) side.lease(p);
            side.tick(100);
          }
          expect(side.of('log')).to.deep.equal([]);
        },
      ),
      { numRuns: 200 },
    );
  });
});
