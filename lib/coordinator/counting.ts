// What sources have, on its way into the picker: at once as a rule, and where sources with long bitfields
// come and go, at a pace that leaves the thread to others.

import type { Engine } from './engine';
import type { Source } from './state';

/**
 * A step is 50 ns in a torrent of 10,000 pieces, and 300 ns in one of 2,000,000, which no cache holds. So
 * a flood of bitfields takes 1 to 6 % of the thread, and what begins is counted at once: 30 peers of
 * 2,000 pieces. Those that must wait have their pieces merely held for rarer than they are.
 */
export const COUNTING_RATE = { perSec: 200_000, burst: 65_536 };

/** The source has what `bits` and `haveCount` say, and is not counted. */
export function countSource(engine: Engine, source: Source): void {
  const { torrent } = source;
  source.isSeed = source.haveCount === source.bits.length;
  source.pieces = undefined;
  if (source.isSeed) return torrent.possession.picker.addSeed();
  source.pieces = torrent.availability.join(source.bits);
  engine.state.counting.add(torrent);
  countOn(engine);
}

/** The source is gone, or has other pieces from now on. */
export function uncountSource(engine: Engine, source: Source): void {
  const { torrent, pieces } = source;
  if (source.isSeed) torrent.possession.picker.removeSeed();
  if (!pieces) return;
  torrent.availability.leave(pieces);
  engine.state.counting.add(torrent);
  countOn(engine);
}

/** Counts as much as may be spent by now; the next turn goes on. */
export function countOn(engine: Engine): void {
  const { counting, countingSteps } = engine.state;
  if (counting.size === 0) return;
  const nowMs = engine.nowMs();
  for (const torrent of counting) {
    countingSteps.take(torrent.availability.count(countingSteps.balance(nowMs)), nowMs);
    if (torrent.availability.pending) return engine.tickBy(nowMs);
    counting.delete(torrent);
  }
}
