// One process of `npm run sim`: plays the scenarios that its parent sends, and returns the results.

import { withRecipes } from '../../support/recipes';
import { play } from './play';
import type { Played } from './play';
import { scenarioOf } from './scenario';

/** What to play. */
export interface Order {
  readonly seed: number;
  readonly minNodes: number;
  readonly maxNodes: number;
}

export type Result = { readonly order: Order; readonly cpuMs: number } & (
  { readonly played: Played; readonly error?: undefined } | { readonly error: string }
);

/** Plays it, and measures the processor time. */
export async function playOrder(order: Order): Promise<Result> {
  const before = process.cpuUsage();
  const cpuMs = (): number => {
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  };
  try {
    const played = await withRecipes(() => play(scenarioOf(order.seed, order)));
    return { order, cpuMs: cpuMs(), played };
  } catch (error) {
    return { order, cpuMs: cpuMs(), error: error instanceof Error ? error.message : String(error) };
  }
}

if (require.main === module) {
  process.on('message', (order: Order) => {
    void playOrder(order).then((result) => process.send?.(result));
  });
  process.on('disconnect', () => process.exit());
}
