// Chooses the peers that may download from us by their worth (BEP 3, "choking"): most slots go to the
// peers that gave us most, the others in turn to peers that may give more.

import type { ChokeCandidate } from './round-robin';

/** One peer, as the choice sees it. */
export interface RankedCandidate extends ChokeCandidate {
  /** Bytes that it sent us in the last rounds; for a seed by `fastest-upload`, bytes that it received. */
  readonly worthBytes: number;
  /** It has earned its slot; otherwise its slot is optimistic. */
  readonly earned: boolean;
  readonly connectedAtMs: number;
}

/** Why a peer is unchoked: it has earned the slot, or the slot is optimistic. */
export type Hold = 'earned' | 'optimistic';

export interface Round {
  readonly slots: number;
  /** A round begins: earned slots are assigned anew. Between rounds only free slots are filled. */
  readonly isNew: boolean;
  readonly nowMs: number;
  /** Returns numbers in [0, 1). */
  readonly random: () => number;
}

/**
 * How long an optimistic slot is kept while others wait: three rounds, so that the peer can fill a
 * piece and give something in return (BEP 3).
 */
export const OPTIMISTIC_TURN_MS = 30_000;

/** A newcomer is drawn three times as often: it has nothing yet to give in return (BEP 3). */
const NEWCOMER_TICKETS = 3;
const NEWCOMER_MS = 60_000;

/**
 * One slot in five is optimistic, and at least one. A single slot is optimistic, so that each peer can
 * show what it gives in return.
 */
const SLOTS_PER_OPTIMISTIC = 5;

/**
 * A peer must be worth a tenth more to take the slot of another: peers of equal worth would
 * otherwise take turns every round, and each choke drops requests.
 */
const INCUMBENT_FACTOR = 1.1;

/** Number of slots that are always optimistic. */
export function optimisticSlots(slots: number): number {
  return Math.min(slots, Math.max(1, Math.floor(slots / SLOTS_PER_OPTIMISTIC)));
}

/**
 * The peers to unchoke now, and why; all others are to be choked. Only a peer whose worth is above 0
 * earns a slot, so a peer that snubs us has none, and each slot that no peer earns is optimistic
 * (anti-snubbing). An optimistic slot is kept for `OPTIMISTIC_TURN_MS`, and longer while no other peer
 * waits; a stalled peer loses it at once to one that is not stalled. Free slots are filled at once,
 * with stalled peers last. Peers that are not interested get no slot.
 */
export function chooseByWorth(
  peers: readonly RankedCandidate[],
  round: Round,
): ReadonlyMap<number, Hold> {
  const { slots } = round;
  const interested = peers.filter((peer) => peer.interested);
  const mostEarned = slots - optimisticSlots(slots);
  const chosen = new Map<number, Hold>();
  for (const { id } of earners(interested, round, mostEarned)) chosen.set(id, 'earned');
  const others = interested.filter(({ id }) => !chosen.has(id));
  const waiting = others.filter(({ unchokedAtMs }) => unchokedAtMs === undefined);
  for (const { id } of keptTurns(others, waiting, round, slots - chosen.size)) {
    chosen.set(id, 'optimistic');
  }
  fill(chosen, waiting, round, mostEarned);
  return chosen;
}

/** The peers that keep an earned slot; in a new round, also those that get one. */
function earners(
  interested: readonly RankedCandidate[],
  { isNew }: Round,
  most: number,
): readonly RankedCandidate[] {
  const fit = interested.filter(
    (peer) => !peer.stalled && (isNew ? peer.worthBytes > 0 : holdsEarned(peer)),
  );
  return fit.sort((a, b) => rankOf(b) - rankOf(a) || a.id - b.id).slice(0, most);
}

function holdsEarned({ earned, unchokedAtMs }: RankedCandidate): boolean {
  return earned && unchokedAtMs !== undefined;
}

function rankOf(peer: RankedCandidate): number {
  return peer.worthBytes * (holdsEarned(peer) ? INCUMBENT_FACTOR : 1);
}

/** The peers that keep an optimistic slot. */
function keptTurns(
  others: readonly RankedCandidate[],
  waiting: readonly RankedCandidate[],
  { nowMs }: Round,
  places: number,
): readonly RankedCandidate[] {
  const since = ({ unchokedAtMs = -Infinity }: RankedCandidate): number => unchokedAtMs;
  const holding = others
    .filter(({ unchokedAtMs }) => unchokedAtMs !== undefined)
    .sort((a, b) => Number(a.stalled) - Number(b.stalled) || since(b) - since(a) || b.id - a.id);
  const kept = holding.slice(0, places);
  const eager = waiting.filter(({ stalled }) => !stalled).length;
  let yielding = eager - (places - kept.length);
  for (let last = kept.at(-1); last !== undefined && yielding > 0; last = kept.at(-1)) {
    if (!last.stalled && nowMs - since(last) < OPTIMISTIC_TURN_MS) break;
    kept.pop();
    yielding -= 1;
  }
  return kept;
}

/** Fills the free slots: first with peers that have earned one, then by lot, stalled peers last. */
function fill(
  chosen: Map<number, Hold>,
  waiting: readonly RankedCandidate[],
  { slots, nowMs, random }: Round,
  mostEarned: number,
): void {
  if (chosen.size >= slots) return;
  let earned = 0;
  for (const hold of chosen.values()) if (hold === 'earned') earned += 1;
  const eager = waiting.filter(({ stalled }) => !stalled);
  const worthy = eager.filter(({ worthBytes }) => worthBytes > 0);
  worthy.sort((a, b) => b.worthBytes - a.worthBytes || a.id - b.id);
  for (const { id } of worthy) {
    if (chosen.size >= slots || earned >= mostEarned) break;
    chosen.set(id, 'earned');
    earned += 1;
  }
  for (const group of [eager, waiting]) {
    const lots = group.filter(({ id }) => !chosen.has(id));
    // This bounds the wait of every peer, even if newcomers are drawn again and again.
    const overdueMs = (lots.length * OPTIMISTIC_TURN_MS) / optimisticSlots(slots);
    while (chosen.size < slots && lots.length > 0) {
      const at = draw(lots, slots - chosen.size, overdueMs, nowMs, random);
      for (const { id } of lots.splice(at, 1)) chosen.set(id, 'optimistic');
    }
  }
}

/** The lot that is drawn: the most overdue one if there is any, else a random one. */
function draw(
  lots: readonly RankedCandidate[],
  places: number,
  overdueMs: number,
  nowMs: number,
  random: () => number,
): number {
  if (lots.length <= places) return 0;
  let longest = 0;
  let longestMs = -1;
  let tickets = 0;
  lots.forEach((peer, at) => {
    const waitedMs = nowMs - Math.max(peer.lastUnchokedMs, peer.connectedAtMs);
    tickets += ticketsOf(peer, nowMs);
    if (waitedMs <= longestMs) return;
    longest = at;
    longestMs = waitedMs;
  });
  if (longestMs >= overdueMs) return longest;
  let drawn = random() * tickets;
  return Math.max(
    0,
    lots.findIndex((peer) => (drawn -= ticketsOf(peer, nowMs)) < 0),
  );
}

function ticketsOf({ connectedAtMs }: RankedCandidate, nowMs: number): number {
  return nowMs - connectedAtMs < NEWCOMER_MS ? NEWCOMER_TICKETS : 1;
}
