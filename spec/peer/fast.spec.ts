// The fast extension (BEP 6) in a session: announcements of pieces, rejects, and chokes that void no
// request.
import { expect } from 'chai';
import fc from 'fast-check';
import type { FactOf } from '../../lib/messages/peer-thread';
import type { WireWriter } from '../../lib/wire/encoder';
import { Pair, Side } from '../support/pair';
import type { SideOptions } from '../support/pair';

const BLOCK = 16_384;
/** As `Side`: 16 pieces of four blocks. */
const BLOCKS_PER_PIECE = 4;

/** A side that wants blocks of a peer, which does not choke it. */
function wanting(options: SideOptions = {}): Side {
  const side = new Side({ fast: true, ...options });
  side.session.setInterested(true, side.nowMs);
  side.receive((writer) => writer.unchoke());
  side.take();
  return side;
}

function requested(side: Side): [piece: number, begin: number][] {
  return side
    .sent()
    .flatMap((message) => (message.type === 'request' ? [[message.piece, message.begin]] : []));
}

/** The blocks of facts of one type, as `piece block`. */
function blocksOf(facts: readonly FactOf<'lease-done' | 'lease-returned'>[]): string[] {
  return facts.flatMap(({ piece, firstBlock, blockCount }) =>
    Array.from({ length: blockCount }, (_, at) => `${piece} ${firstBlock + at}`),
  );
}

describe('peer/session with the fast extension', () => {
  it('begins with all, none or a bitfield, and then the extended handshake', () => {
    const first = (have: SideOptions['have']): string[] =>
      new Side({ fast: true, ...(have && { have }) })
        .start()
        .sent()
        .map(({ type }) => type);
    expect(first('all')).to.deep.equal(['have-all', 'extended']);
    expect(first(undefined)).to.deep.equal(['have-none', 'extended']);
    expect(first([3])).to.deep.equal(['bitfield', 'extended']);
  });

  it('reports have-all and have-none as what they replace, and reads late ones like bitfields', () => {
    const bits = (say: (writer: WireWriter) => void): unknown[] => {
      const side = new Side({ fast: true });
      side.receive(say);
      expect(side.closed).to.equal(undefined);
      return side.of('peer-bitfield').map((fact) => fact.bits);
    };
    expect(bits((w) => w.haveAll())).to.deep.equal(['all']);
    expect(bits((w) => w.haveNone())).to.deep.equal(['none']);
    const late = (w: WireWriter): void => {
      w.haveNone();
      w.have(3);
      w.haveNone();
      w.haveAll();
      w.haveAll();
      w.have(4);
    };
    expect(bits(late)).to.deep.equal(['none', 'all']);
  });

  for (const [what, say] of [
    ['have-all', (w) => w.haveAll()],
    ['have-none', (w) => w.haveNone()],
    ['suggest', (w) => w.suggest(1)],
    ['allowed-fast', (w) => w.allowedFast(1)],
    ['reject', (w) => w.reject(0, 0, BLOCK)],
  ] as [string, (writer: WireWriter) => void][]) {
    it(`closes a peer that sends ${what} without having announced the extension`, () => {
      const side = new Side();
      side.receive(say);
      expect(side.closed?.reason).to.equal('fast-not-announced');
      expect(side.closed?.detail).to.match(new RegExp(`^a ${what} message`));
    });
  }

  it('returns a rejected block at once, and adjacent ones as one run', () => {
    const side = wanting();
    side.lease(2);
    expect(requested(side)).to.have.length(4);
    side.receive((writer) => {
      writer.reject(2, BLOCK, BLOCK);
      writer.reject(2, 2 * BLOCK, BLOCK);
    });
    expect(side.of('lease-returned')).to.have.length(1);
    expect(side.of('lease-returned')[0]).to.deep.include({
      why: 'rejected',
      piece: 2,
      firstBlock: 1,
      blockCount: 2,
    });
    side.feed(side.block(2, 0), side.block(2, 3));
    expect(blocksOf(side.of('lease-done'))).to.deep.equal(['2 0', '2 3']);
    expect(side.session.download.heldBlocks).to.equal(0);
    expect(side.session.download.outstandingRequests).to.equal(0);
  });

  it('closes a peer that rejects what was never requested, or twice', () => {
    for (const rejects of [
      [[3, 0]],
      [
        [2, 0],
        [2, 0],
      ],
    ] as [number, number][][]) {
      const side = wanting();
      side.lease(2);
      side.receive((writer) => {
        for (const [piece, begin] of rejects) writer.reject(piece, begin, BLOCK);
      });
      expect(side.closed?.reason).to.equal('unrequested-reject');
    }
  });

  it('takes a reject as the answer to a cancel, also when the block was requested again', () => {
    const side = wanting();
    const first = side.lease(2);
    side.session.cancelLease(2, first.generation, side.nowMs);
    side.lease(2);
    side.receive((writer) => {
      for (let block = 0; block < 4; block++) writer.reject(2, block * BLOCK, BLOCK);
    });
    expect(side.of('lease-returned')).to.deep.equal([]);
    expect(side.session.download.outstandingRequests).to.equal(4);
    side.feed(...[0, 1, 2, 3].map((block) => side.block(2, block)));
    expect(blocksOf(side.of('lease-done'))).to.have.length(4);
  });

  it('gives a peer that rejects without choking new credit only after a second', () => {
    const side = wanting();
    const credit = (): number => side.of('appetite').at(-1)?.creditBlocks ?? 0;
    const before = credit();
    side.lease(2);
    side.receive((writer) => {
      for (let block = 0; block < 4; block++) writer.reject(2, block * BLOCK, BLOCK);
    });
    side.tick(999);
    expect(credit()).to.equal(before);
    expect(side.session.nextDeadlineMs).to.be.at.most(side.nowMs + 1);
    side.tick(1);
    expect(credit()).to.equal(before + 4);
    expect(side.session.nextDeadlineMs).to.be.greaterThan(side.nowMs);
  });

  it('keeps its requests over a choke, and returns what it has not requested', () => {
    const side = wanting();
    const leases = [side.lease(1), side.lease(2), side.lease(3), side.lease(4)];
    const before = requested(side).length;
    expect(before).to.equal(8);
    side.receive((writer) => writer.choke());
    expect(side.of('lease-returned').map(({ why }) => why)).to.deep.equal(['choked', 'choked']);
    expect(blocksOf(side.of('lease-returned'))).to.have.length(8);
    expect(side.session.download.outstandingRequests).to.equal(8);
    side.feed(side.block(1, 0)); // It was on its way.
    side.receive((writer) => {
      for (let block = 1; block < 4; block++) writer.reject(1, block * BLOCK, BLOCK);
    });
    expect(
      side
        .leased(leases[0] as never)
        .subarray(0, BLOCK)
        .equals(side.content.subarray(65_536, 65_536 + BLOCK)),
    ).to.equal(true);
    expect(blocksOf(side.of('lease-done'))).to.deep.equal(['1 0']);
    expect(side.session.download.wastedBytes).to.equal(0);
    expect(blocksOf(side.of('lease-returned')).slice(8)).to.deep.equal(['1 1', '1 2', '1 3']);
    expect(side.of('lease-returned').at(-1)?.why).to.equal('choked');
    side.receive((writer) => writer.unchoke());
    side.feed(...[0, 1, 2, 3].map((block) => side.block(2, block)));
    expect(blocksOf(side.of('lease-done'))).to.have.length(5);
    expect(side.of('lease-done').at(-1)?.epoch).to.equal(0);
  });

  it('returns a lease that crossed a choke; without the extension it is void without a word', () => {
    for (const fast of [true, false]) {
      const side = wanting({ fast });
      const lease = side.makeLease(5);
      side.receive((writer) => {
        writer.choke();
        writer.unchoke();
      });
      side.grant(lease);
      expect(requested(side)).to.deep.equal([]);
      expect(blocksOf(side.of('lease-returned'))).to.have.length(fast ? 4 : 0);
    }
  });

  it('ends every lease exactly once, block by block, whatever the peer does (property)', () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ lease: fc.nat(15) }) },
      { weight: 6, arbitrary: fc.record({ answer: fc.nat(20) }) },
      { weight: 4, arbitrary: fc.record({ reject: fc.nat(20) }) },
      { weight: 2, arbitrary: fc.record({ choke: fc.boolean() }) },
      { weight: 1, arbitrary: fc.record({ wait: fc.constantFrom(300, 1_000, 31_000) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const side = wanting();
        const leased: string[] = [];
        const open = new Set<number>();
        /** Requests that the peer has not answered. */
        const pending: [piece: number, begin: number][] = [];
        const take = (): void => {
          for (const message of side.sent())
            if (message.type === 'request') pending.push([message.piece, message.begin]);
        };
        for (const one of steps) {
          if ('lease' in one) {
            if (open.has(one.lease)) continue;
            side.lease(one.lease);
            open.add(one.lease);
            for (let block = 0; block < BLOCKS_PER_PIECE; block++)
              leased.push(`${one.lease} ${block}`);
          } else if ('answer' in one || 'reject' in one) {
            const at = 'answer' in one ? one.answer : one.reject;
            const [request] = pending.splice(at % Math.max(1, pending.length), 1);
            if (request === undefined) continue;
            const [piece, begin] = request;
            if ('answer' in one) side.feed(side.block(piece, begin / BLOCK));
            else side.receive((writer) => writer.reject(piece, begin, BLOCK));
          } else if ('choke' in one) {
            side.receive((writer) => (one.choke ? writer.choke() : writer.unchoke()));
          } else side.tick(one.wait);
          take();
          expect(side.closed).to.equal(undefined);
        }
        side.receive((writer) => writer.choke());
        take();
        for (const [piece, begin] of pending)
          side.receive((writer) => writer.reject(piece, begin, BLOCK));
        const ended = [...blocksOf(side.of('lease-done')), ...blocksOf(side.of('lease-returned'))];
        expect(ended.toSorted()).to.deep.equal(leased.toSorted());
        expect(side.session.download.heldBlocks).to.equal(0);
      }),
      { numRuns: 200 },
    );
  });

  it('transfers a torrent over chokes without sending a block twice', () => {
    const pair = new Pair({ fast: true }, { have: 'all', fast: true }).open();
    const { left, right } = pair;
    right.answers = false;
    left.lease(0);
    left.lease(1);
    right.feed(...left.take());
    right.session.setChoked(true);
    right.session.setChoked(false);
    right.answers = true;
    pair.exchange();
    expect(blocksOf(left.of('lease-returned'))).to.have.length(8);
    expect(right.session.uploadedBytes).to.equal(0);
    left.lease(0);
    pair.exchange();
    expect(right.session.uploadedBytes).to.equal(4 * BLOCK);
    expect(left.session.download.wastedBytes).to.equal(0);
  });
});
