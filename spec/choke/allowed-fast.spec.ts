// The allowed fast set against the examples of BEP 6, and its bounds.
import { expect } from 'chai';
import fc from 'fast-check';
import { KIB, MIB } from '../../lib/bytes/lengths';
import { allowedFastCount, allowedFastSet } from '../../lib/choke/allowed-fast';

const INFO_HASH = new Uint8Array(20).fill(0xaa);

describe('choke/allowed-fast', () => {
  it('agrees with the examples of BEP 6', () => {
    const torrent = { infoHash: INFO_HASH, pieceCount: 1313 };
    const address = Uint8Array.of(80, 4, 4, 200);
    const nine = [1059, 431, 808, 1217, 287, 376, 1188, 353, 508];
    expect(allowedFastSet(torrent, address, 7)).to.deep.equal(nine.slice(0, 7));
    expect(allowedFastSet(torrent, address, 9)).to.deep.equal(nine);
  });

  it('is different pieces of the torrent, the same for a network, a longer one the same and more', () => {
    const bytes = fc.uint8Array({ minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(bytes, fc.integer({ min: 1, max: 3000 }), fc.nat(12), fc.nat(255), (...drawn) => {
        const [address, pieceCount, count, last] = drawn;
        const torrent = { infoHash: INFO_HASH, pieceCount };
        const set = allowedFastSet(torrent, address, count);
        expect(set).to.have.length(Math.min(count, pieceCount));
        expect(new Set(set).size).to.equal(set.length);
        for (const piece of set) expect(piece).to.be.below(pieceCount);
        const neighbour = Uint8Array.of(...address.subarray(0, 3), last);
        expect(allowedFastSet(torrent, neighbour, count)).to.deep.equal(set);
        const more = allowedFastSet(torrent, address, count + 1);
        expect(more.slice(0, set.length)).to.deep.equal(set);
      }),
      { numRuns: 200 },
    );
  });

  it('is ten pieces at most, an eighth of the torrent, and 1 MiB or one piece', () => {
    expect(allowedFastCount(10_000, 64 * KIB)).to.equal(10);
    expect(allowedFastCount(40, 64 * KIB)).to.equal(5);
    expect(allowedFastCount(7, 64 * KIB)).to.equal(0);
    expect(allowedFastCount(1_000, 256 * KIB)).to.equal(4);
    expect(allowedFastCount(1_000, 16 * MIB)).to.equal(1);
  });
});
