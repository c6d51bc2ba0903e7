// PURE. Our own external addresses, one of each family. Trackers and peers report them; as a report
// may be wrong, the address with the most votes counts.

/** Votes kept for each family; the oldest goes first. */
const MAX_VOTES = 16;

export class ExternalAddresses {
  /** By length of the address in bytes, then by voter. */
  private readonly votes = new Map<number, Map<string, Uint8Array>>();
  private readonly winners = new Map<number, Uint8Array>();
  private changes = 0;

  /** Changes with the addresses; 0 while there are none. */
  get version(): number {
    return this.changes;
  }

  /** `packed`: 4 or 16 bytes. A later vote of the same voter replaces the earlier one. */
  vote(packed: Uint8Array, voter: string): void {
    const { length } = packed;
    const votes = this.votes.get(length) ?? new Map<string, Uint8Array>();
    this.votes.set(length, votes);
    votes.delete(voter);
    votes.set(voter, packed);
    const [oldest] = votes.keys();
    if (votes.size > MAX_VOTES && oldest !== undefined) votes.delete(oldest);
    const before = this.winners.get(length);
    const now = mostVoted([...votes.values()], before);
    if (before !== undefined && Buffer.compare(before, now) === 0) return;
    this.winners.set(length, now);
    this.changes++;
  }

  /** Our address of 4 or 16 bytes; undefined until one was reported. */
  of(lengthBytes: number): Uint8Array | undefined {
    return this.winners.get(lengthBytes);
  }
}

/** The address with the most votes; in a tie the present one, else the first. */
function mostVoted(votes: readonly Uint8Array[], present: Uint8Array | undefined): Uint8Array {
  const counts = new Map<string, { readonly packed: Uint8Array; count: number }>();
  for (const packed of votes) {
    const key = packed.join('.');
    const known = counts.get(key) ?? { packed, count: 0 };
    known.count++;
    counts.set(key, known);
  }
  let best = present && counts.get(present.join('.'));
  for (const each of counts.values()) if (each.count > (best?.count ?? 0)) best = each;
  return best?.packed ?? new Uint8Array();
}
