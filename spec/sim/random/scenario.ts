// A seed expands to a scenario: the torrent, the nodes with their options, and the faults with
// their times. All of it is plain data, which is printed when the seed fails.

import type { SimNodeOptions } from '../../support/sim-options';
import { KIB, seededRandom } from '../../support/sim-torrent';
import { FAULT_KINDS } from './faults';
import type { FaultKind } from './faults';

export interface PlannedFault {
  readonly kind: FaultKind;
  readonly atSec: number;
  /** When it ends: the disk works again, the line is fast again … */
  readonly untilSec: number;
  /** The node that it happens to. */
  readonly node: number;
  /** From 0 to 1: what it decides depends on the kind. */
  readonly dice: number;
}

export interface Scenario {
  readonly seed: number;
  readonly totalLengthBytes: number;
  readonly pieceLengthBytes: number;
  readonly private: boolean;
  /** Undefined: they all know each other from the start. */
  readonly trackerIntervalSec?: number;
  readonly nodes: readonly SimNodeOptions[];
  readonly faults: readonly PlannedFault[];
}

export interface ScenarioRange {
  readonly minNodes: number;
  readonly maxNodes: number;
}

export const SMALL_SWARMS: ScenarioRange = { minNodes: 3, maxNodes: 12 };

/** In a large swarm no node is connected to all others, as with most clients. */
const LARGE_CONNECTIONS = 25;

/** From then on the seeds and the lines are as they were at the start. */
const LAST_FAULT_SEC = 8;
const LONGEST_FAULT_SEC = 12;

export function scenarioOf(seed: number, { minNodes, maxNodes } = SMALL_SWARMS): Scenario {
  const dice = new Dice(seededRandom(seed));
  const count = dice.between(minNodes, maxNodes);
  const isLarge = count > SMALL_SWARMS.maxNodes;
  const pieceLengthBytes = dice.of([16, 32, 32, 64, 64, 128]) * KIB;
  const pieceCount = dice.between(3, Math.min(24, (768 * KIB) / pieceLengthBytes));
  const cut = dice.chance(0.5) ? dice.between(1, pieceLengthBytes - 1) : 0;
  const torrent = {
    seed,
    totalLengthBytes: pieceCount * pieceLengthBytes - cut,
    pieceLengthBytes,
    private: dice.chance(0.25),
    ...((isLarge || dice.chance(0.5)) && { trackerIntervalSec: dice.between(20, 120) }),
  };
  const nodes: SimNodeOptions[] = [];
  for (let at = 0; at < count; at++) {
    const options = at === 0 ? originOf(dice) : optionsOf(dice, pieceCount, pieceLengthBytes);
    const metadata = at === 0 ? {} : metadataOf(dice, torrent.private);
    nodes.push({ ...(isLarge && { maxConnections: LARGE_CONNECTIONS }), ...options, ...metadata });
  }
  const faults: PlannedFault[] = [];
  for (let left = dice.between(0, isLarge ? count : 5); left > 0; left--) {
    const atSec = dice.upTo(LAST_FAULT_SEC);
    const untilSec = atSec + 0.2 + dice.upTo(LONGEST_FAULT_SEC);
    const kind = dice.of(FAULT_KINDS);
    // The origin must stay, but it may have faults.
    const first = kind === 'vanish' || kind === 'leave' ? 1 : 0;
    faults.push({
      kind,
      atSec,
      untilSec,
      node: dice.between(first, count - 1),
      dice: dice.upTo(1),
    });
  }
  return { ...torrent, nodes, faults: faults.sort((a, b) => a.atSec - b.atSec) };
}

/** An honest node that has everything and can be dialled: liveness requires it. */
function originOf(dice: Dice): SimNodeOptions {
  return {
    have: 'all',
    uplinkBytesPerSec: dice.between(100, 1000) * KIB,
    latencyMs: 1 + dice.upTo(100),
    uploadSlots: dice.between(1, 8),
    onDisk: dice.chance(0.3),
    superSeed: dice.chance(0.15),
  };
}

/** From 20 KB/s: a slower line would only take longer. */
function limitsOf(dice: Dice): NonNullable<SimNodeOptions['rateLimits']> {
  const limit = (): number => dice.between(20_000, 400_000);
  return {
    ...(dice.chance(0.6) && { downLimitBytesPerSec: limit() }),
    ...(dice.chance(0.6) && { upLimitBytesPerSec: limit() }),
  };
}

function optionsOf(dice: Dice, pieceCount: number, pieceLengthBytes: number): SimNodeOptions {
  const liar = dice.chance(0.12);
  const pieces = (share: number): number[] =>
    [...Array(pieceCount).keys()].filter(() => dice.chance(share));
  return {
    uplinkBytesPerSec: dice.between(10, 1000) * KIB,
    latencyMs: 1 + dice.upTo(150),
    memoryBytes: Math.max(dice.of([256, 512, 1024]) * KIB, 2 * pieceLengthBytes),
    uploadSlots: dice.between(1, 8),
    ...(dice.chance(0.3) && { jitterMs: dice.upTo(60) }),
    ...(dice.chance(0.3) && { downlinkBytesPerSec: dice.between(50, 2000) * KIB }),
    ...(dice.chance(0.25) && { dialable: false }),
    ...(dice.chance(0.2) && { maxConnections: dice.between(2, 6) }),
    ...(dice.chance(0.2) && { requestQueue: dice.between(1, 16) }),
    ...(dice.chance(0.2) && { writeBytesPerMs: dice.between(50, 2000) }),
    ...(dice.chance(0.4) && { onDisk: true }),
    ...(dice.chance(0.1) && { learnsAfterMs: 50 + Math.round(dice.upTo(4000)) }),
    ...(dice.chance(0.1) && { seed: false }),
    ...(dice.chance(0.2) && { fast: false }),
    ...(dice.chance(0.15) && { superSeed: true }),
    ...(dice.chance(0.15) && { rateLimits: limitsOf(dice) }),
    ...(liar
      ? { have: 'all' as const, spoils: pieces(dice.upTo(1)) }
      : dice.chance(0.3) && { have: pieces(dice.upTo(1)) }),
  };
}

/** Whether a node has a magnet link (not to a private torrent, whose metadata is not served) or sends wrong metadata. */
function metadataOf(dice: Dice, isPrivate: boolean): SimNodeOptions {
  const lie = dice.of(['some', 'all', 'length'] as const);
  return {
    ...(dice.chance(0.15) && !isPrivate && { magnet: true }),
    ...(dice.chance(0.08) && { metadataLie: lie }),
  };
}

class Dice {
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  upTo(most: number): number {
    return this.#random() * most;
  }

  /** A whole number. */
  between(least: number, most: number): number {
    return least + Math.floor(this.#random() * (Math.floor(most) - least + 1));
  }

  chance(share: number): boolean {
    return this.#random() < share;
  }

  of<T>(items: readonly T[]): T {
    return items[Math.floor(this.#random() * items.length)] as T;
  }
}
