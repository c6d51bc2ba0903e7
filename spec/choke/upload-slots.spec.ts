import { expect } from 'chai';
import fc from 'fast-check';
import { UploadSlots } from '../../lib/choke/upload-slots';

const KIB = 1024;

function after(rounds: number, kib: number, scarce = true): number {
  const slots = new UploadSlots();
  for (let round = 0; round < rounds; round++) slots.endRound({ bytesPerSec: kib * KIB, scarce });
  return slots.count;
}

describe('upload slots', () => {
  it('are 16 at first, and stay while no peer waits for one', () => {
    expect(new UploadSlots().count).to.equal(16);
    expect(after(100, 1, false)).to.equal(16);
    expect(after(100, 1_000_000, false)).to.equal(16);
  });

  it('grow with what is uploaded, by half a round, up to 64', () => {
    expect([1, 2, 3, 4].map((rounds) => after(rounds, 1_000_000))).to.deep.equal([24, 36, 54, 64]);
    expect(after(50, 1_024), 'each of 32 gets 32 KiB/s').to.equal(32);
    expect(after(50, 1_023)).to.equal(31);
  });

  it('shrink by one after three low rounds, to 8 at least', () => {
    expect([2, 3, 5, 6].map((rounds) => after(rounds, 10))).to.deep.equal([16, 15, 15, 14]);
    expect(after(1_000, 10)).to.equal(8);
    expect(after(1_000, 100), 'each of 10 gets 10 KiB/s').to.equal(10);
  });

  it('do not shrink if only some rounds are low', () => {
    const slots = new UploadSlots();
    for (let round = 0; round < 60; round++)
      slots.endRound({ bytesPerSec: (round % 3 === 2 ? 256 : 10) * KIB, scarce: true });
    expect(slots.count).to.equal(16);
  });

  it('are capped by a limit at once, down to 2', () => {
    const limited = (kib: number): number => {
      const slots = new UploadSlots();
      slots.endRound({ bytesPerSec: 0, scarce: false, limitBytesPerSec: kib * KIB });
      return slots.count;
    };
    expect([0, 1, 50, 100, 4096, 1e6].map(limited)).to.deep.equal([2, 2, 7, 10, 16, 16]);
  });

  it('follow what is uploaded where that is less than the limit, and grow again when it is lifted', () => {
    const slots = new UploadSlots();
    const round = (kib: number, limitKib?: number): number => {
      const limitBytesPerSec = limitKib && limitKib * KIB;
      slots.endRound({ bytesPerSec: kib * KIB, scarce: true, limitBytesPerSec });
      return slots.count;
    };
    expect([1, 2, 3, 4].map(() => round(400, 10_000)).at(-1), 'a line of 400 KiB/s').to.equal(20);
    expect(round(400, 4)).to.equal(2);
    expect([1, 2, 3, 4, 5, 6].map(() => round(400))).to.deep.equal([3, 4, 6, 9, 13, 19]);
  });

  it('stay within 8 and 64, and settle under a steady rate', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 2 ** 24 }), { maxLength: 60 }), (rates) => {
        const slots = new UploadSlots();
        for (const bytesPerSec of rates) {
          slots.endRound({ bytesPerSec, scarce: true });
          expect(slots.count).to.be.within(8, 64);
        }
        const bytesPerSec = rates.at(-1) ?? 0;
        for (let round = 0; round < 200; round++) slots.endRound({ bytesPerSec, scarce: true });
        const settled = slots.count;
        for (let round = 0; round < 5; round++) slots.endRound({ bytesPerSec, scarce: true });
        expect(slots.count).to.equal(settled);
      }),
      { numRuns: 200 },
    );
  });
});
