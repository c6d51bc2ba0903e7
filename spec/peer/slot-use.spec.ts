import { expect } from 'chai';
import { SlotUse } from '../../lib/peer/slot-use';
import type { SlotLook } from '../../lib/peer/slot-use';

const TICK_MS = 125;
const SERVED: SlotLook = {
  stalledMs: 0,
  choked: false,
  served: true,
  uploadedBytes: 0,
  flooding: false,
};
const IDLE = { ...SERVED, served: false };

/** Looks every tick from `fromMs` on, for so long; the times at which `isUnused` changed. */
function changes(use: SlotUse, look: SlotLook, fromMs: number, forMs: number): number[] {
  const times: number[] = [];
  for (let nowMs = fromMs; nowMs <= fromMs + forMs; nowMs += TICK_MS) {
    if (use.look(look, nowMs)) times.push(nowMs - fromMs);
  }
  return times;
}

describe('peer/slot-use', () => {
  it('is made by a peer that is served, however slowly', () => {
    const use = new SlotUse();
    expect(changes(use, SERVED, 5_000, 60_000)).to.deep.equal([]);
    for (let sent = 1; sent < 20; sent++) {
      const look = { ...IDLE, uploadedBytes: sent };
      expect(
        changes(use, look, 60_000 + 2_000 * sent, 1_900),
        'whose queue is empty at ticks',
      ).to.deep.equal([]);
    }
    expect(use.isUnused).to.equal(false);
  });

  it('is not made by one that never asked for anything', () => {
    expect(new SlotUse().look(IDLE, 5_000)).to.equal(true);
  });

  it('is not made by one that takes nothing for a second', () => {
    const use = new SlotUse();
    expect(use.look({ ...SERVED, stalledMs: 999 }, 5_000)).to.equal(false);
    expect(use.look({ ...SERVED, stalledMs: 1_000 }, 5_125)).to.equal(true);
    expect(use.isUnused).to.equal(true);
    expect(use.look(SERVED, 5_250)).to.equal(true);
    expect(use.isUnused).to.equal(false);
  });

  it('is not made by one that asks for nothing for two seconds; a choked one may not ask', () => {
    const use = new SlotUse();
    expect(changes(use, { ...IDLE, choked: true }, 5_000, 60_000)).to.deep.equal([]);
    expect(changes(use, IDLE, 65_125, 60_000)).to.deep.equal([1_875]);
    expect(use.isUnused).to.equal(true);
    expect(changes(use, { ...IDLE, choked: true }, 125_250, 1_000)).to.deep.equal([0]);
    expect(use.isUnused).to.equal(false);
  });

  it('is not made by one that floods us; and one that does by turns changes once a second at most', () => {
    const use = new SlotUse();
    let changed = 0;
    for (let tick = 0; tick < 80; tick++) {
      if (use.look({ ...SERVED, flooding: tick % 2 === 0 }, 5_000 + TICK_MS * tick)) changed += 1;
    }
    expect(changed).to.equal(1);
    expect(use.isUnused).to.equal(true);
    expect(changes(use, SERVED, 15_000, 5_000)).to.deep.equal([750]);
  });
});
