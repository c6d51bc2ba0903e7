// Plays one scenario: builds the swarm, begins and ends its faults, and checks two things. Safety: what
// must hold at every moment (safety.ts, the referee). Liveness: once the faults are over, every node
// completes within a bound of virtual time.

import { inspect } from 'node:util';
import type { SimNode } from '../../support/sim-node';
import { Referee } from '../../support/sim-referee';
import { settled } from '../../support/sim-engine';
import { SimSwarm } from '../../support/sim-swarm';
import type { SimObserver } from '../../support/sim-swarm';
import { begin } from './faults';
import { Reached } from './reached';
import type { Counts } from './reached';
import { Safety, expectEnd } from './safety';
import type { PlannedFault, Scenario } from './scenario';

/** Virtual time for the rest of the download, after the last fault. */
export const LIVENESS_SEC = 900;
/** Virtual time in which the last connections end and memory comes back. */
const REST_SEC = 3;

export interface Played {
  readonly seed: number;
  readonly trace: string;
  /** Virtual seconds until every node was complete. */
  readonly sec: number;
  readonly counts: Counts;
}

/** Throws with the whole scenario as soon as a check fails. */
export async function play(scenario: Scenario): Promise<Played> {
  const { nodes, faults, ...torrent } = scenario;
  const { seed } = torrent;
  const swarm = new SimSwarm({ ...torrent, metadata: true });
  const reached = new Reached();
  swarm.observer = observerOf(reached);
  swarm.watchWire = (node, fast) => new Referee(node, fast);
  try {
    for (const options of nodes) await swarm.add(options);
    if (scenario.trackerIntervalSec === undefined) swarm.introduceAll();
    await playFaults(swarm, faults, reached);
    const healedSec = swarm.elapsedSec;
    await swarm.runUntilComplete(healedSec + LIVENESS_SEC);
    const sec = swarm.elapsedSec;
    await swarm.runFor(REST_SEC);
    for (const node of swarm.nodes) if (!node.gone) expectEnd(node);
    return { seed, sec, trace: swarm.trace, counts: Object.fromEntries(reached.counts) };
  } catch (error) {
    const options = inspect(scenario, { depth: null, maxArrayLength: null, breakLength: 140 });
    const text = `${String(error instanceof Error ? error.stack : error)}\n${options}\n${swarm.recipe}`;
    throw new Error(`seed ${seed}: ${text}`, { cause: error });
  }
}

function observerOf(reached: Reached): SimObserver {
  const safety = new Safety();
  return {
    onFact: (_node, fact) => reached.onFact(fact),
    onOrder: (_node, order) => reached.onOrder(order),
    onEvent: (node, event) => {
      reached.onEvent(event);
      safety.onEvent(node, event);
    },
    onLog: (_node, message) => reached.note(`log:${message}`),
    onTick: (node) => {
      reached.onTick(node);
      safety.onTick(node);
    },
  };
}

async function playFaults(
  swarm: SimSwarm,
  faults: readonly PlannedFault[],
  reached: Reached,
): Promise<void> {
  const steps: { readonly atSec: number; readonly run: () => Promise<void> }[] = faults.map(
    (fault) => ({
      atSec: fault.atSec,
      run: async () => {
        if (!swarm.nodes[fault.node]?.gone) reached.note(`fault:${fault.kind}`);
        const heal = await begin(swarm, fault);
        steps.push({ atSec: fault.untilSec, run: async () => heal() });
      },
    }),
  );
  while (steps.length > 0) {
    steps.sort((a, b) => a.atSec - b.atSec);
    const next = steps.shift();
    if (next === undefined) break;
    if (next.atSec > swarm.elapsedSec) await swarm.runFor(next.atSec - swarm.elapsedSec);
    await next.run();
    await settled();
  }
  for (const node of swarm.nodes) await resumeIfStopped(node);
}

/** Resumes paused and failed torrents, as a user would. */
async function resumeIfStopped(node: SimNode): Promise<void> {
  if (node.gone) return;
  await node.swarm.run(() => isAtRest(node), node.swarm.elapsedSec + 60);
  if (node.state.phase === 'paused' || node.state.phase === 'failed') await node.resume();
}

/** No stop of the torrent is in progress. */
function isAtRest({ state: { life } }: SimNode): boolean {
  return (life.phase !== 'paused' && life.phase !== 'failed') || life.step === 'rest';
}
