// PURE. An entry of the address book, which entries are dialled first, and which are dropped first.

export interface Address {
  readonly host: string;
  readonly port: number;
  /** Where it came from: a tracker's URL, `PEX`, … */
  source: string;
  /**
   * Who sent it by peer exchange (BEP 11). Undefined if it has another source, and after it was
   * connected.
   */
  sender: string | undefined;
  state: 'idle' | 'dialing' | 'connected' | 'useless';
  failures: number;
  nextDialMs: number;
  /** Its sender announced it as a seed. */
  isAnnouncedSeed: boolean;
  /** It was in use when its source was given up (BEP 27): it is forgotten once it is free. */
  isOrphan: boolean;
  /** Its value by the preference of version `rankVersion`. */
  rank: number;
  rankVersion: number;
}

/** Decides between addresses that are equal otherwise. */
export interface Preference {
  /** Higher is better. */
  readonly of: (host: string, port: number) => number;
  /** Changes when `of` does, so that ranks are computed again only then. */
  readonly version: number;
}

/** All addresses are equal. */
export const NO_PREFERENCE: Preference = { of: () => 0, version: 0 };

/** The source of addresses that the user gives. */
export const USER = '';

/** The source of addresses of incoming peers. */
export const INCOMING = 'incoming';

/** The source of addresses from peer exchange (BEP 11). */
export const PEX = 'peer exchange';

/**
 * Sorts addresses for dialling. Fewest failures first; among these, one address of each source in
 * turn, and within peer exchange one of each sender in turn; within a source the longest due first,
 * then the one with the highest preference.
 */
export function inTurn(due: Address[], preference: Preference): readonly Address[] {
  for (const address of due) rank(address, preference);
  due.sort((a, b) => a.nextDialMs - b.nextDialMs || b.rank - a.rank);
  takeTurns(due, ({ source, sender }) => (sender === undefined ? source : `${PEX} ${sender}`));
  return takeTurns(due, ({ source }) => source);
}

function rank(address: Address, { of, version }: Preference): void {
  if (address.rankVersion === version) return;
  address.rankVersion = version;
  address.rank = of(address.host, address.port);
}

/** The sort is stable: within a round the order stays as it was. */
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
