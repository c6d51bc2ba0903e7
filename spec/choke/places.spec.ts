// Which peer gives way where all places are taken: cases by hand, and what must hold for any flood.

import { expect } from 'chai';
import fc from 'fast-check';
import { placesToGive, whoGivesWay } from '../../lib/choke/places';
import type { PlaceHolder } from '../../lib/choke/places';

const holder = (id: number, share: PlaceHolder['share'], uselessSinceMs?: number): PlaceHolder => ({
  id,
  share,
  uselessSinceMs,
  connectedAtMs: id,
});

describe('choke/places', () => {
  it('the newest of the address that has most gives way', () => {
    const holders = [1, 2, 3, 4, 5].map((id) => holder(id, id < 5 ? 'crowd' : 'other'));
    expect(whoGivesWay('newcomer', holders, 2)?.id).to.equal(4);
    expect(whoGivesWay(undefined, holders, 2)?.id, 'for loopback, too').to.equal(4);
  });

  it('a useless peer of the same address goes first', () => {
    const holders = [holder(1, 'crowd'), holder(2, 'crowd', 50), holder(3, 'crowd')];
    expect(whoGivesWay('newcomer', holders, 2)?.id).to.equal(2);
  });

  it('of those useless since the same minute the one with the lowest preference', () => {
    const preferring = (id: number, uselessSinceMs: number | undefined, preference: number) => ({
      ...holder(id, `${id}`, uselessSinceMs),
      preference,
    });
    const holders = [
      preferring(1, 59_000, 30),
      preferring(2, 1_000, 20),
      preferring(3, 60_000, 10),
      preferring(4, undefined, 0),
      preferring(5, 30_000, 20),
    ];
    const order: (number | undefined)[] = [];
    while (holders.length > 1) {
      const leaves = whoGivesWay('newcomer', holders, 2);
      order.push(leaves?.id);
      holders.splice(
        holders.findIndex(({ id }) => id === leaves?.id),
        1,
      );
    }
    expect(order).to.deep.equal([2, 5, 1, 3]);
    expect(whoGivesWay('newcomer', holders, 2), 'a useful one stays').to.equal(undefined);
  });

  it('otherwise the peer that has been useless for longest', () => {
    const holders = [holder(1, 'a'), holder(2, 'b', 70), holder(3, undefined, 60)];
    expect(whoGivesWay('newcomer', holders, 2)?.id).to.equal(3);
  });

  it('no peer goes for an address that has its share', () => {
    const holders = [holder(1, 'a', 5), holder(2, 'b'), holder(3, 'b'), holder(4, 'b')];
    expect(whoGivesWay('b', holders, 3)).to.equal(undefined);
    expect(whoGivesWay('a', holders, 2)?.id).to.equal(4);
  });

  it('no peer goes where all are useful and within their share', () => {
    const holders = [holder(1, 'a'), holder(2, 'b'), holder(3, undefined), holder(4, undefined)];
    expect(whoGivesWay('newcomer', holders, 1)).to.equal(undefined);
    expect(placesToGive(holders, 1)).to.equal(0);
  });

  const share = fc.constantFrom('a', 'b', 'c', 'd', undefined);
  const holdersOf = fc
    .array(fc.record({ share, useless: fc.boolean() }), { maxLength: 30 })
    .map((all) => all.map((one, id) => holder(id, one.share, one.useless ? id : undefined)));
  const countOf = (holders: readonly PlaceHolder[], of: PlaceHolder['share']): number =>
    holders.filter((each) => each.share === of).length;

  it('a useful peer within the share of its address never goes', () => {
    fc.assert(
      fc.property(holdersOf, share, fc.integer({ min: 1, max: 6 }), (holders, of, perAddress) => {
        const gone = whoGivesWay(of, holders, perAddress);
        if (gone === undefined || gone.uselessSinceMs !== undefined) return;
        expect(gone.share).to.not.equal(undefined);
        expect(countOf(holders, gone.share)).to.be.above(perAddress);
      }),
    );
  });

  it('a flood from one address takes no place of others, and ends at its share', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('honest 1', 'honest 2', 'honest 3', 'flood', 'flood'), {
          maxLength: 120,
        }),
        fc.integer({ min: 1, max: 4 }),
        (comers, perAddress) => {
          const places = 16; // enough for the share of all four
          let holders: PlaceHolder[] = [];
          comers.forEach((of, id) => {
            if (holders.length >= places) {
              const gone = whoGivesWay(of, holders, perAddress);
              if (gone === undefined) {
                expect(countOf(holders, of), 'it has its share').to.be.at.least(perAddress);
                return;
              }
              const had = countOf(holders, gone.share);
              expect(had, 'nobody loses its share').to.be.above(perAddress);
              holders = holders.filter((each) => each !== gone);
            }
            holders.push(holder(id, of));
          });
          for (const of of ['honest 1', 'honest 2', 'honest 3']) {
            const came = comers.filter((each) => each === of).length;
            expect(countOf(holders, of)).to.be.at.least(Math.min(came, perAddress));
          }
        },
      ),
    );
  });

  it('gives newcomers of other addresses the promised places', () => {
    fc.assert(
      fc.property(holdersOf, fc.integer({ min: 1, max: 4 }), (all, perAddress) => {
        let holders = all;
        let given = 0;
        for (;;) {
          const gone = whoGivesWay(`newcomer ${given}`, holders, perAddress);
          if (gone === undefined) break;
          holders = holders.filter((each) => each !== gone);
          given += 1;
        }
        expect(placesToGive(all, perAddress)).to.equal(given);
      }),
    );
  });
});
