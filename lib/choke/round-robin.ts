// Which peers may download from us: each interested peer gets a turn of the same length, the one that has
// waited longest first.

/** What the choice needs to know of one peer. */
export interface ChokeCandidate {
  readonly id: number;
  /** It wants something that we have. */
  readonly interested: boolean;
  /** It makes no use of a slot, or made none of its last: others come first. */
  readonly stalled: boolean;
  /** When its present turn began; undefined while it is choked. */
  readonly unchokedAtMs: number | undefined;
  /** When its last turn began or ended; -Infinity (or 0) if it never had one. */
  readonly lastUnchokedMs: number;
}

/**
 * The ids of the peers to be unchoked now; everyone else is to be choked. An unchoked peer keeps
 * its slot for `turnMs`, and longer while no other peer waits; then the one unchoked longest yields to the
 * one waiting longest. One that is stalled yields at once to one that is not. Free slots are filled at
 * once, with stalled peers last. Peers that are not interested get no slot.
 */
export function chooseUnchoked(
  peers: readonly ChokeCandidate[],
  slots: number,
  nowMs: number,
  turnMs: number,
): ReadonlySet<number> {
  const unchoked = new Set<number>();
  const holding: { readonly id: number; readonly stalled: boolean; readonly sinceMs: number }[] =
    [];
  const waiting: ChokeCandidate[] = [];
  for (const peer of peers) {
    if (!peer.interested) continue;
    if (peer.unchokedAtMs === undefined) waiting.push(peer);
    else holding.push({ id: peer.id, stalled: peer.stalled, sinceMs: peer.unchokedAtMs });
  }
  // Longest first in both lines. Turns often begin on the same tick, so equals are common: those
  // that hold go by id, those that wait in a ring of ids that begins after the newest holder, else
  // the lowest id of each pair that shares a tick would come round more often than the other.
  holding.sort((a, b) => a.sinceMs - b.sinceMs || a.id - b.id);
  const ringStart = holding.at(-1)?.id ?? -1;
  holding.sort((a, b) => Number(b.stalled) - Number(a.stalled)); // a stable sort: they yield first
  waiting.sort(
    (a, b) =>
      Number(a.stalled) - Number(b.stalled) ||
      compare(a.lastUnchokedMs, b.lastUnchokedMs) ||
      Number(a.id <= ringStart) - Number(b.id <= ringStart) ||
      a.id - b.id,
  );

  // After the slots were cut down the longest-unchoked go first.
  const kept = holding.slice(Math.max(0, holding.length - slots));
  const eager = waiting.filter(({ stalled }) => !stalled).length;
  let waitingForSlot = eager - Math.max(0, slots - kept.length);
  for (const peer of kept) {
    const isOver = peer.stalled || nowMs - peer.sinceMs >= turnMs;
    if (waitingForSlot > 0 && isOver) waitingForSlot -= 1;
    else unchoked.add(peer.id);
  }
  for (const peer of waiting) {
    if (unchoked.size >= slots) break;
    unchoked.add(peer.id);
  }
  return unchoked;
}

/** By value and not by difference: two peers that never had a turn are -Infinity apart from nothing. */
function compare(a: number, b: number): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
