// PURE. An entry of the address book, which entries are dialled first, and which are dropped first.

export interface Address {
  readonly host: string;
  readonly port: number;
  /** Where it came from: a tracker's URL, `PEX`, … */
  source: string;
  /** Which peer told us of it (BEP 11); undefined for others, and once it was connected. */
  teller: string | undefined;
  state: 'idle' | 'dialing' | 'connected' | 'useless';
  failures: number;
  nextDialMs: number;
  /** The peer that told us of it called it a seed. */
  isToldSeed: boolean;
  /** It was in use when its source was given up (BEP 27): it is forgotten once it is free. */
  isOrphan: boolean;
  /** Its place in the preference of that version. */
  rank: number;
  rankVersion: number;
}

/** How much we prefer a peer to others that are equal in all else. */
export interface Preference {
  /** Higher is better. */
  readonly of: (host: string, port: number) => number;
  /** Changes when `of` does: a book has thousands of addresses. */
  readonly version: number;
}

/** None is preferred. */
export const NO_PREFERENCE: Preference = { of: () => 0, version: 0 };

/** The source of addresses that the user gives. */
export const USER = '';

/** The source of addresses of incoming peers. */
export const INCOMING = 'incoming';

/** The source of addresses that peers told us of (BEP 11). */
export const PEX = 'peer exchange';

/**
 * Fewest failures first; among those due since the same time the ones with the highest preference;
 * among equals the first of each source, then the second of each, and so on;
 * and within peer exchange the same by the peers that told them.
 */
export function inTurn(due: Address[], preference: Preference): readonly Address[] {
  for (const address of due) rank(address, preference);
  due.sort((a, b) => a.nextDialMs - b.nextDialMs || b.rank - a.rank);
  takeTurns(due, ({ source, teller }) => (teller === undefined ? source : `${PEX} ${teller}`));
  return takeTurns(due, ({ source }) => source);
}

function rank(address: Address, { of, version }: Preference): void {
  if (address.rankVersion === version) return;
  address.rankVersion = version;
  address.rank = of(address.host, address.port);
}

/** The sorts are stable: within a round, the address that is due longest stays first. */
function takeTurns(due: Address[], groupOf: (address: Address) => string): Address[] {
  const turns = new Map<Address, number>();
  const next = new Map<string, number>();
  for (const address of due) {
    const key = `${address.failures} ${groupOf(address)}`;
    const turn = next.get(key) ?? 0;
    next.set(key, turn + 1);
    turns.set(address, turn);
  }
  return due.sort((a, b) => a.failures - b.failures || (turns.get(a) ?? 0) - (turns.get(b) ?? 0));
}

export function isIdleOrUseless({ state }: Address): boolean {
  return state === 'idle' || state === 'useless';
}

/** The least valuable first. */
export function byWorth(a: Address, b: Address): number {
  if (a.state !== b.state) return a.state === 'useless' ? -1 : 1;
  return b.failures - a.failures || b.nextDialMs - a.nextDialMs;
}
