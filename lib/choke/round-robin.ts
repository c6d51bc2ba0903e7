// Which peers may download from us: each interested peer gets a turn of the same length, the one that has
// waited longest first.

/** What the choice needs to know about one peer. */
export interface ChokeCandidate {
  readonly id: number;
  /** It wants pieces that we have. */
  readonly interested: boolean;
  /** It does not use its slot, or did not use its last one: others come first. */
  readonly stalled: boolean;
  /** When its present turn began; undefined while it is choked. */
  readonly unchokedAtMs: number | undefined;
  /** When its last turn began or ended; -Infinity (or 0) if it never had one. */
  readonly lastUnchokedMs: number;
}

/**
 * The ids of the peers to unchoke now; all others are to be choked. An unchoked peer keeps its slot
 * for `turnMs`, and longer while no other peer waits; then the one unchoked longest yields to the
 * one waiting longest. A stalled peer yields at once to one that is not. Free slots are filled at
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
  // Longest first in both lists. Turns often begin on the same tick, so ties are common. Holders
  // are ordered by id; waiting peers in a ring of ids that starts after the newest holder, because
  // otherwise the lowest id of a tie would always go first.
  holding.sort((a, b) => a.sinceMs - b.sinceMs || a.id - b.id);
  const ringStart = holding.at(-1)?.id ?? -1;
  holding.sort((a, b) => Number(b.stalled) - Number(a.stalled)); // The sort is stable: stalled peers yield first.
  waiting.sort(
    (a, b) =>
      Number(a.stalled) - Number(b.stalled) ||
      compare(a.lastUnchokedMs, b.lastUnchokedMs) ||
      Number(a.id <= ringStart) - Number(b.id <= ringStart) ||
      a.id - b.id,
  );

  // If the number of slots was reduced, the longest-unchoked peers lose theirs.
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

/** Compares values, not differences: the difference of two infinities is not a number. */
function compare(a: number, b: number): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
