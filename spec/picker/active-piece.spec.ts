import { expect } from 'chai';
import fc from 'fast-check';
import type { BlockRun } from '../../lib/picker/active-piece';
import { ActivePiece } from '../../lib/picker/active-piece';

const never = () => false;

describe('active piece', () => {
  it('gives runs of free blocks from the front', () => {
    const piece = new ActivePiece(7, 10);
    expect(piece.piece).to.equal(7);
    expect(piece.takeFree(4)).to.deep.equal({ firstBlock: 0, blockCount: 4 });
    expect(piece.takeFree(4)).to.deep.equal({ firstBlock: 4, blockCount: 4 });
    piece.giveBack(1, 2);
    expect(piece.freeBlocks).to.equal(4);
    expect(piece.takeFree(4)).to.deep.equal({ firstBlock: 1, blockCount: 2 });
    expect(piece.takeFree(4)).to.deep.equal({ firstBlock: 8, blockCount: 2 });
    expect(piece.takeFree(4)).to.equal(undefined);
    expect(piece.missingBlocks).to.equal(10);
  });

  it('gives nothing to one that may take nothing', () => {
    const piece = new ActivePiece(0, 2);
    expect(piece.takeFree(0)).to.equal(undefined);
    expect(piece.takeDuplicate(0, never, 2)).to.equal(undefined);
    expect(piece.freeBlocks).to.equal(2);
  });

  it('does not give a block that is here, whichever peer sent it', () => {
    const piece = new ActivePiece(0, 4);
    expect(piece.markHere(1)).to.equal(true);
    expect(piece.markHere(1)).to.equal(false);
    expect(piece.markHere(4)).to.equal(false);
    expect(piece.markHere(-1)).to.equal(false);
    expect(piece.isHere(1)).to.equal(true);
    expect(piece.takeFree(4)).to.deep.equal({ firstBlock: 0, blockCount: 1 });
    piece.markHere(0);
    piece.giveBack(0, 1);
    expect(piece.takeFree(4)).to.deep.equal({ firstBlock: 2, blockCount: 2 });
  });

  it('has padding from the start, until the piece fails its check', () => {
    const piece = new ActivePiece(0, 5, [1, 4]);
    expect(piece).to.include({ missingBlocks: 3, freeBlocks: 3 });
    expect(piece.paddingBlocks).to.deep.equal([1, 4]);
    expect(piece.takeFree(9)).to.deep.equal({ firstBlock: 0, blockCount: 1 });
    expect(piece.takeFree(9)).to.deep.equal({ firstBlock: 2, blockCount: 2 });
    expect(piece.takeFree(9)).to.equal(undefined);
    expect(piece.takeDuplicate(9, never, 2)).to.deep.equal({ firstBlock: 0, blockCount: 1 });
    piece.reset();
    expect(piece.paddingBlocks).to.deep.equal([]);
    expect(piece.takeFree(9)).to.deep.equal({ firstBlock: 0, blockCount: 5 });
  });

  it('duplicates the blocks with the fewest holders, up to a limit, past excluded ones', () => {
    const piece = new ActivePiece(0, 6);
    piece.takeFree(6);
    expect(piece.takeDuplicate(2, never, 2)).to.deep.equal({ firstBlock: 0, blockCount: 2 });
    expect(piece.takeDuplicate(9, (block) => block === 4, 2)).to.deep.equal({
      firstBlock: 2,
      blockCount: 2,
    });
    expect(piece.takeDuplicate(9, never, 2)).to.deep.equal({ firstBlock: 4, blockCount: 2 });
    expect(piece.takeDuplicate(9, never, 2)).to.equal(undefined);
    piece.markHere(0);
    expect(piece.takeDuplicate(9, never, 3)).to.deep.equal({ firstBlock: 1, blockCount: 5 });
    expect(piece.takeDuplicate(9, () => true, 9)).to.equal(undefined);
  });

  it('begins anew after a failed hash', () => {
    const piece = new ActivePiece(0, 3);
    piece.takeFree(3);
    for (const block of [0, 1, 2]) piece.markHere(block);
    expect(piece.missingBlocks).to.equal(0);
    piece.reset();
    expect(piece.missingBlocks).to.equal(3);
    expect(piece.takeFree(9)).to.deep.equal({ firstBlock: 0, blockCount: 3 });
  });

  it('agrees with a naive model in every sequence of calls', () => {
    const step = fc.tuple(
      fc.integer({ min: 0, max: 20 }),
      fc.nat(40),
      fc.integer({ min: 1, max: 9 }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.array(step), (blockCount, steps) => {
        const piece = new ActivePiece(0, blockCount);
        const here = new Array<boolean>(blockCount).fill(false);
        const holders = new Array<number>(blockCount).fill(0);
        const run = (eligible: (block: number) => boolean, max: number): BlockRun | undefined => {
          const firstBlock = here.findIndex((_, block) => eligible(block));
          if (firstBlock === -1) return undefined;
          let end = firstBlock;
          while (end < blockCount && end < firstBlock + max && eligible(end)) end += 1;
          for (let block = firstBlock; block < end; block += 1) holders[block] = count(block) + 1;
          return { firstBlock, blockCount: end - firstBlock };
        };
        const count = (block: number) => holders[block] ?? 0;
        for (const [kind, a, b] of steps) {
          if (kind === 0) {
            piece.reset();
            here.fill(false);
            holders.fill(0);
          } else if (kind < 6) {
            expect(piece.takeFree(b)).to.deep.equal(
              run((block) => !here[block] && count(block) === 0, b),
            );
          } else if (kind < 10) {
            const excluded = (block: number) => block % 7 === a % 7;
            const open = (block: number) =>
              !here[block] && !excluded(block) && count(block) < (a % 3) + 1;
            const counts = holders.filter((_, block) => open(block));
            const least = Math.min(...counts);
            expect(piece.takeDuplicate(b, excluded, (a % 3) + 1)).to.deep.equal(
              run((block) => open(block) && count(block) === least, b),
            );
          } else if (kind < 15) {
            piece.giveBack(a, b);
            for (let block = a; block < Math.min(a + b, blockCount); block += 1) {
              holders[block] = Math.max(0, count(block) - 1);
            }
          } else {
            expect(piece.markHere(a)).to.equal(a < blockCount && !here[a]);
            if (a < blockCount) here[a] = true;
          }
          expect(piece.missingBlocks).to.equal(here.filter((is) => !is).length);
          expect(piece.freeBlocks).to.equal(
            here.filter((is, block) => !is && count(block) === 0).length,
          );
        }
        here.forEach((is, block) => expect(piece.isHere(block)).to.equal(is));
      }),
      { numRuns: 300 },
    );
  });

  it('counts a block as free when its last holder gives it back, and never once it is here', () => {
    const piece = new ActivePiece(0, 4);
    piece.takeFree(4);
    piece.takeDuplicate(4, () => false, 2);
    piece.giveBack(0, 4);
    expect(piece.freeBlocks, 'each has another holder').to.equal(0);
    piece.markHere(1);
    piece.giveBack(0, 4);
    expect(piece.freeBlocks).to.equal(3);
    expect(piece.takeFree(4)).to.deep.equal({ firstBlock: 0, blockCount: 1 });
    expect(piece.takeFree(4)).to.deep.equal({ firstBlock: 2, blockCount: 2 });
    expect(piece.freeBlocks).to.equal(0);
  });
});
