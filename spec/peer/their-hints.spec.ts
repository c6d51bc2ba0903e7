// Pieces that a peer allows and suggests (BEP 6): reported, used while it chokes us, and bounded.
import { expect } from 'chai';
import { Side } from '../support/pair';

const BLOCK = 16_384;

/** A side that is choked by its peer, and wants what the peer has. */
function choked(): Side {
  const side = new Side({ fast: true });
  side.session.setInterested(true, side.nowMs);
  side.receive((writer) => writer.haveAll());
  side.take();
  return side;
}

function requested(side: Side): string[] {
  return side
    .sent()
    .flatMap((message) =>
      message.type === 'request' ? [`${message.piece} ${message.begin / BLOCK}`] : [],
    );
}

describe('peer/their hints', () => {
  it('reports what is allowed, and gives credit for it while the peer chokes us', () => {
    const side = choked();
    expect(side.of('appetite')).to.deep.equal([]);
    side.receive((writer) => {
      for (const piece of [3, 5, 3]) writer.allowedFast(piece);
    });
    expect(side.of('allowed-fast').map(({ pieces }) => pieces)).to.deep.equal([[3, 5]]);
    expect(side.of('appetite')).to.have.length(1);
    expect(side.of('appetite')[0]?.epoch).to.equal(0);
  });

  it('requests allowed pieces while choked, and no others', () => {
    const side = choked();
    side.receive((writer) => writer.allowedFast(3));
    side.lease(4);
    expect(requested(side)).to.deep.equal([]);
    expect(side.of('lease-returned').map(({ piece, why }) => [piece, why])).to.deep.equal([
      [4, 'choked'],
    ]);
    const lease = side.lease(3);
    expect(requested(side)).to.deep.equal(['3 0', '3 1', '3 2', '3 3']);
    side.feed(...[0, 1, 2, 3].map((block) => side.block(3, block)));
    expect(side.of('lease-done')).to.have.length(1);
    expect(side.leased(lease).equals(side.content.subarray(3 * 65_536, 4 * 65_536))).to.equal(true);
  });

  it('keeps its credit over the unchoke that follows', () => {
    const side = choked();
    side.receive((writer) => writer.allowedFast(3));
    side.lease(3);
    const before = side.of('appetite').at(-1)?.creditBlocks ?? 0;
    side.receive((writer) => writer.unchoke());
    side.feed(...[0, 1, 2, 3].map((block) => side.block(3, block)));
    const after = side.of('appetite').at(-1);
    expect(after?.epoch).to.equal(0);
    expect(after?.creditBlocks).to.be.at.least(before + 4);
  });

  it('asks no more for a piece that the peer rejects while it chokes us, though it allows it again', () => {
    const side = choked();
    side.receive((writer) => {
      writer.allowedFast(3);
      writer.allowedFast(5);
    });
    for (const piece of [3, 5, 3, 5]) side.lease(piece, 0, 4);
    const before = requested(side).length;
    side.receive((writer) => {
      writer.reject(3, 0, BLOCK);
      writer.allowedFast(3);
    });
    expect(side.of('allowed-fast').at(-1)?.pieces).to.deep.equal([5]);
    expect(before).to.equal(8);
    // The second lease of piece 3 was not requested yet: it went back as a whole.
    const returned = side.of('lease-returned').filter(({ piece }) => piece === 3);
    expect(returned.map(({ blockCount }) => blockCount).toSorted()).to.deep.equal([1, 4]);
    side.lease(3);
    expect(side.of('lease-returned').at(-1)).to.deep.include({ piece: 3, blockCount: 4 });
  });

  it('goes on with an allowed piece when the peer rejects a request that was withdrawn', () => {
    const side = choked();
    side.receive((writer) => writer.allowedFast(3));
    const lease = side.lease(3);
    side.session.cancelLease(3, lease.generation, side.nowMs);
    side.receive((writer) => {
      for (let block = 0; block < 4; block++) writer.reject(3, block * BLOCK, BLOCK);
    });
    expect(side.of('allowed-fast').map(({ pieces }) => pieces)).to.deep.equal([[3]]);
    side.take();
    side.lease(3);
    expect(requested(side)).to.deep.equal(['3 0', '3 1', '3 2', '3 3']);
  });

  it('asks for the credit anew that a lease used in vain', () => {
    const side = choked();
    side.receive((writer) => writer.allowedFast(3));
    const credit = (): number => side.of('appetite').at(-1)?.creditBlocks ?? 0;
    const before = credit();
    side.lease(4);
    expect(side.of('lease-returned')).to.have.length(1);
    expect(credit()).to.equal(before + 4);
  });

  it('remembers few of the pieces that a flood allows, and closes for one that does not exist', () => {
    const side = new Side({ fast: true, pieceLengthBytes: 16, totalLengthBytes: 16 * 20_001 });
    side.receive((writer) => {
      for (let round = 0; round < 3; round++)
        for (let piece = 0; piece < 5_000; piece++) writer.allowedFast(piece);
    });
    expect(side.of('allowed-fast')).to.have.length(1);
    expect(side.of('allowed-fast')[0]?.pieces).to.have.length(64);
    expect(side.session.readAgainMs).to.be.greaterThan(side.nowMs);
    side.receive((writer) => writer.allowedFast(20_001));
    expect(side.closed?.reason).to.equal('bad-piece-index');
  });

  it('reports the newest suggestions, at most once a second', () => {
    const side = choked();
    const suggest = (...pieces: number[]): void => {
      side.receive((writer) => pieces.forEach((piece) => writer.suggest(piece)));
    };
    suggest(1, 2);
    suggest(3);
    suggest(...Array.from({ length: 16 }, (_, piece) => piece));
    expect(side.of('suggested').map(({ pieces }) => pieces)).to.deep.equal([[1, 2]]);
    expect(side.session.nextDeadlineMs).to.be.at.most(side.nowMs + 1_000);
    side.tick(1_000);
    expect(side.of('suggested').at(-1)?.pieces).to.deep.equal([8, 9, 10, 11, 12, 13, 14, 15]);
    side.tick(1_000);
    expect(side.of('suggested')).to.have.length(2);
  });

  it('checks hints once the content is known', () => {
    const later = (piece: number): Side => {
      const side = new Side({ fast: true, openLater: true });
      side.receive((writer) => {
        writer.allowedFast(piece);
        writer.suggest(piece);
      });
      expect(side.facts).to.deep.equal([]);
      return side.open();
    };
    const good = later(15);
    expect(good.of('allowed-fast').map(({ pieces }) => pieces)).to.deep.equal([[15]]);
    expect(good.of('suggested').map(({ pieces }) => pieces)).to.deep.equal([[15]]);
    expect(later(16).closed?.reason).to.equal('bad-piece-index');
  });
});
