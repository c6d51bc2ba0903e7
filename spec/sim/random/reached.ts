// Counts rare paths by facts, orders, events, close reasons, phases, log records and the state of the
// coordinator. A run over many seeds fails if one of them was not taken.

import type { EngineEvent } from '../../../lib/messages/control';
import type { PeerFact, PeerOrder } from '../../../lib/messages/peer-thread';
import { isKnown } from '../../../lib/coordinator/state';
import type { KnownTorrent } from '../../../lib/coordinator/state';
import { nameOf } from '../../support/sim-node';
import type { SimNode } from '../../support/sim-node';
import { FAULT_KINDS } from './faults';

/**
 * Every path that must be taken, one line each:
 *
 * - `fact:<type>`, `order:<type>`, `event:<type>`: a message between threads, or to the app; some
 *   facts with their variant (`nameOf` in `sim-node.ts`);
 * - `closed:<reason>`: a connection or a dial that ended so;
 * - `phase:<phase>`: a torrent was in it;
 * - `log:<message>`: the coordinator logged it, at any level;
 * - `state:<name>`: a probe below was true;
 * - `fault:<kind>`: the fault happened.
 */
export const MUST_REACH: readonly string[] = [
  ...FAULT_KINDS.map((kind) => `fault:${kind}`),
  'fact:lease-returned late',
  'fact:lease-returned choked',
  'fact:peer-bitfield all',
  'fact:peer-bitfield none',
  'fact:peer-exchange',
  'fact:peer-have',
  'fact:metadata-offer',
  'fact:metadata-piece',
  'order:cancel-lease',
  'order:torrent-content',
  'order:torrent-info',
  'order:request-metadata',
  'order:choke',
  'order:grant-rates',
  'order:limit-rates',
  'order:torrent-private',
  'event:piece-failed',
  'event:error',
  'event:complete',
  'event:metadata',
  'closed:banned',
  'closed:connection-error',
  'closed:dial-timeout',
  'closed:duplicate-peer',
  'closed:idle-timeout',
  'closed:not-useful',
  'closed:remote-closed',
  'closed:too-many-connections',
  'closed:torrent-closed',
  'closed:torrent-failed',
  'phase:failed',
  'phase:metadata',
  'phase:paused',
  'phase:seeding',
  'log:peer banned: it sent data that failed its hash check',
  'log:peer banned: it sent metadata that failed its hash check',
  'state:endGame',
  'state:parole',
  'state:soleOnParole',
  'state:memoryRefused',
  'state:resumedAfterCrash',
  'state:superSeeding',
];

/** True for a torrent that is on the path now; looked at on each tick of its coordinator. */
const PROBES: Readonly<Record<string, (torrent: KnownTorrent, node: SimNode) => boolean>> = {
  endGame: ({ phase, content, sources }) =>
    phase === 'downloading' &&
    content.possession.picker.idle === 0 &&
    [...sources].some(({ leases }) =>
      leases.some(({ piece }) => piece.holders > 1 && piece.blocks.freeBlocks === 0),
    ),
  parole: ({ content }) => [...content.active.values()].some(({ onParole }) => onParole),
  soleOnParole: ({ content }) =>
    [...content.active.values()].some(({ sole }) => sole !== undefined),
  memoryRefused: (_torrent, { engine }) => engine.state.memoryRefused,
  superSeeding: ({ phase, content }) => phase === 'seeding' && content.superSeed !== undefined,
  resumedAfterCrash: ({ content }, { restarts }) =>
    restarts > 0 && content.possession.donePieces > 0,
};

export type Counts = Readonly<Record<string, number>>;

export class Reached {
  readonly counts = new Map<string, number>();

  note(path: string): void {
    this.counts.set(path, (this.counts.get(path) ?? 0) + 1);
  }

  onFact(fact: PeerFact): void {
    if ('reason' in fact) this.note(`closed:${fact.reason}`);
    else this.note(`fact:${nameOf(fact)}`);
  }

  onOrder(order: PeerOrder): void {
    this.note(`order:${order.type}`);
  }

  onEvent(event: EngineEvent): void {
    this.note(`event:${event.type}`);
  }

  onTick(node: SimNode): void {
    const { state } = node;
    this.note(`phase:${state.phase}`);
    if (!isKnown(state)) return;
    for (const [name, isOn] of Object.entries(PROBES))
      if (isOn(state, node)) this.note(`state:${name}`);
  }
}

/** The paths that no swarm took. */
export function missed(counts: Counts): string[] {
  return MUST_REACH.filter((path) => (counts[path] ?? 0) === 0);
}

/** Adds the counts of one swarm to those of all. */
export function addCounts(all: Record<string, number>, counts: Counts): void {
  for (const [path, count] of Object.entries(counts)) all[path] = (all[path] ?? 0) + count;
}
