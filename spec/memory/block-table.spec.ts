// The block table, one rule at a time. The storm is in block-table.stress.spec.ts.

import { expect } from 'chai';
import { MillraceError } from '../../lib/errors/millrace-error';
import {
  ARRIVING,
  BUSY,
  BlockTable,
  CLAIMED,
  GenerationCounter,
  HERE,
  MAX_GENERATION,
  MAX_THREADS,
  MISSING,
  STALE,
} from '../../lib/memory/block-table';
import { MAX_PEER_THREADS } from '../../lib/messages/peer-thread';

function table(units = 8): BlockTable {
  return new BlockTable(new SharedArrayBuffer(BlockTable.byteLength(units)));
}

describe('block table', () => {
  it('moves a unit from missing over arriving to here, and remembers its writer', () => {
    const blocks = table();
    blocks.assign(3, 7);
    expect(blocks.stateOf(3, 7)).to.equal(MISSING);
    expect(blocks.claim(3, 7, 2, 34)).to.equal(CLAIMED);
    expect(blocks.stateOf(3, 7)).to.equal(ARRIVING);
    blocks.publish(3, 7, 2);
    expect(blocks.stateOf(3, 7)).to.equal(HERE);
    expect(blocks.ownerOf(3)).to.equal(34);
  });

  it('has a number for each thread that an engine may have', () => {
    expect(MAX_THREADS).to.equal(MAX_PEER_THREADS);
  });

  it('keeps the largest generation and thread apart from each other and from the state', () => {
    const blocks = table();
    for (const generation of [1, 2 ** 24, MAX_GENERATION]) {
      blocks.assign(0, generation);
      expect(blocks.claim(0, generation, MAX_THREADS - 1, 31)).to.equal(CLAIMED);
      expect(blocks.stateOf(0, generation)).to.equal(ARRIVING);
      blocks.publish(0, generation, MAX_THREADS - 1);
      expect(blocks.stateOf(0, generation)).to.equal(HERE);
      expect(blocks.revoke(0)).to.be.true;
    }
  });

  it('answers a second writer busy, then here; the owner stays the first', () => {
    const blocks = table();
    blocks.assign(0, 1);
    blocks.claim(0, 1, 0, 32);
    expect(blocks.claim(0, 1, 1, 33)).to.equal(BUSY);
    expect(blocks.claim(0, 1, 0, 64)).to.equal(BUSY);
    blocks.publish(0, 1, 0);
    expect(blocks.claim(0, 1, 1, 33)).to.equal(HERE);
    expect(blocks.ownerOf(0)).to.equal(32);
  });

  it('answers stale for memory that went to another piece, or to none', () => {
    const blocks = table();
    expect(blocks.claim(0, 1, 0, 32)).to.equal(STALE);
    blocks.assign(0, 1);
    blocks.revoke(0);
    expect(blocks.claim(0, 1, 0, 32)).to.equal(STALE);
    blocks.assign(0, 2);
    expect(blocks.claim(0, 1, 0, 32)).to.equal(STALE);
    expect(blocks.stateOf(0, 1)).to.equal(STALE);
    expect(blocks.stateOf(0, 2)).to.equal(MISSING);
  });

  it('never grants a claim with an invalid generation on a unit without an owner', () => {
    const blocks = table();
    for (const generation of [0, -1, MAX_GENERATION + 1, 2 ** 32, NaN]) {
      expect(blocks.claim(0, generation, 0, 32), String(generation)).to.equal(STALE);
    }
    expect(() => blocks.assign(0, 0)).to.throw(/not a generation/);
    expect(() => blocks.assign(0, MAX_GENERATION + 1)).to.throw(/not a generation/);
  });

  it('does not take a unit from a writer in the middle of its copy', () => {
    const blocks = table();
    blocks.assign(0, 1);
    blocks.claim(0, 1, 0, 32);
    expect(blocks.revoke(0)).to.be.false;
    blocks.publish(0, 1, 0);
    expect(blocks.revoke(0)).to.be.true;
    expect(blocks.revoke(0)).to.be.true; // nothing to take: harmless
  });

  it('refuses to assign a unit twice, or one outside the table', () => {
    const blocks = table(2);
    blocks.assign(0, 1);
    expect(() => blocks.assign(0, 2))
      .to.throw(MillraceError, "the block table's rules were broken: unit 0 was assigned")
      .with.property('code', 'unexpected');
    expect(() => blocks.assign(2, 2)).to.throw(/not free/);
  });

  it('refuses a publish by a writer that does not hold the unit', () => {
    const blocks = table();
    blocks.assign(0, 1);
    expect(() => blocks.publish(0, 1, 0)).to.throw(/without holding/);
    blocks.claim(0, 1, 3, 35);
    expect(() => blocks.publish(0, 1, 4)).to.throw(/without holding/);
    blocks.publish(0, 1, 3);
  });

  it('gives a dead thread’s unfinished units back to their pieces, and only those', () => {
    const blocks = table(5);
    for (let unit = 0; unit < 5; unit++) blocks.assign(unit, 9);
    blocks.claim(0, 9, 4, 36);
    blocks.claim(1, 9, 5, 37);
    blocks.claim(2, 9, 4, 36);
    blocks.publish(2, 9, 4);
    blocks.claim(4, 9, 4, 36);
    expect(blocks.reclaimThread(4, { first: 3, count: 2 })).to.equal(1);
    expect(blocks.reclaimThread(4)).to.equal(1);
    expect([0, 1, 2, 3, 4].map((unit) => blocks.stateOf(unit, 9))).to.deep.equal([
      MISSING,
      ARRIVING,
      HERE,
      MISSING,
      MISSING,
    ]);
    expect(blocks.claim(0, 9, 1, 33)).to.equal(CLAIMED);
  });

  it('counts generations from 1 and wraps past the largest to 1, never to 0', () => {
    expect(new GenerationCounter().next()).to.equal(1);
    const counter = new GenerationCounter(MAX_GENERATION - 1);
    expect([counter.next(), counter.next(), counter.next()]).to.deep.equal([MAX_GENERATION, 1, 2]);
  });
});
