// Grants the credit of rate limits to peer threads: 20 times a second while connections want some,
// and never while none does.

import type { FactOf } from '../../messages/peer-thread';
import { REPORT_ROW, UP } from '../../rate/thread-rates';
import type { Engine } from '../engine';

/**
 * Interval of grants. It is no longer than many round trips on the internet, and 20 grants a second cost
 * 1 ms of processor time for eight threads.
 */
export const GRANT_INTERVAL_MS = 50;

/** A thread reports the use of its last grant, or that connections wait for credit. */
export function onRates(engine: Engine, thread: number, { rows }: FactOf<'rates'>): void {
  const { rates } = engine.state;
  for (let row = 0; row < rows.length; row += REPORT_ROW) {
    const granter = rates.granters[rows[row + 1] === UP ? 1 : 0];
    granter.report({
      thread,
      torrent: rows[row] ?? 0,
      active: rows[row + 2] ?? 0,
      wantBlocks: rows[row + 3] ?? 0,
      usedBytes: rows[row + 4] ?? 0,
      returnedBytes: rows[row + 5] ?? 0,
    });
  }
  if (!rates.isGranting) grantRates(engine);
}

/** The interval is over. */
export function grantRates(engine: Engine): void {
  const { rates, closing } = engine.state;
  const [down, up] = rates.granters;
  rates.isGranting = !closing && (down.isBusy || up.isBusy);
  if (!rates.isGranting) return;
  const nowMs = engine.nowMs();
  const rows = new Map<number, number[]>();
  rates.granters.forEach((granter, direction) => {
    for (const { thread, torrent, blocks } of granter.grant(nowMs)) {
      const own = rows.get(thread) ?? [];
      own.push(torrent, direction, blocks);
      rows.set(thread, own);
    }
  });
  for (const [thread, own] of rows) engine.order(thread, { type: 'grant-rates', rows: own });
  engine.clock.after(GRANT_INTERVAL_MS, () => engine.happen({ type: 'grant-rates' }));
}

/** A peer thread has died: the credit lent to it counts as used. */
export function forgetThread(engine: Engine, thread: number): void {
  for (const granter of engine.state.rates.granters) granter.forgetThread(thread);
}
