// PURE. The connections that a tracker's HTTP server holds: how many in all and of one address, and
// which of them makes room when somebody new comes and all places are taken.

import { householdOfHost } from '../address/household';

export interface ConnectionTableOptions {
  readonly max: number;
  /** Connections of one customer: an IPv4 address or a /64 of IPv6. */
  readonly maxPerIp: number;
  /** A connection that has not taken its answer for this long may have to make room, too. */
  readonly patienceMs: number;
  /** A connection that has sent no request for this long makes room before one that has. */
  readonly graceMs: number;
}

/** What becomes of a new connection. */
export type Admission<C> =
  | { readonly admitted: false }
  /** `evicted` has lost its place to it: the owner ends that connection. */
  | { readonly admitted: true; readonly evicted?: C };

/**
 * `silent`: has never sent a whole request. `idle`: has its answer, and may ask again. `busy`: its
 * answer is on its way.
 */
type State = 'silent' | 'idle' | 'busy';

interface Customer<C> {
  readonly key: number | string;
  count: number;
  /** Those in each of these states, the longest-standing first. */
  readonly silent: Set<C>;
  readonly idle: Set<C>;
}

interface Held<C> {
  readonly customer: Customer<C>;
  state: State;
}

/** Everything costs O(1), also when full: sets and maps keep the order in which they were filled. */
export class ConnectionTable<C> {
  readonly #options: ConnectionTableOptions;
  readonly #customers = new Map<number | string, Customer<C>>();
  readonly #held = new Map<C, Held<C>>();
  /** When each entered its state, the longest-standing first. */
  readonly #since: Readonly<Record<State, Map<C, number>>> = {
    silent: new Map(),
    idle: new Map(),
    busy: new Map(),
  };

  constructor(options: ConnectionTableOptions) {
    this.#options = options;
  }

  /** Connections held. */
  get size(): number {
    return this.#held.size;
  }

  /** Customers that hold any. */
  get customers(): number {
    return this.#customers.size;
  }

  /** A place for a new connection, if need be that of another. */
  admit(connection: C, address: string, nowMs: number): Admission<C> {
    const { max, maxPerIp } = this.#options;
    const key = householdOfHost(address);
    if ((this.#customers.get(key)?.count ?? 0) >= maxPerIp) return { admitted: false };
    let evicted: C | undefined;
    if (this.#held.size >= max) {
      evicted = this.#dispensable(this.#customers.get(key), nowMs);
      if (evicted === undefined) return { admitted: false };
      this.ended(evicted);
    }
    const customer: Customer<C> = this.#customers.get(key) ?? {
      key,
      count: 0,
      silent: new Set(),
      idle: new Set(),
    };
    this.#customers.set(key, customer);
    customer.count += 1;
    this.#held.set(connection, { customer, state: 'silent' });
    this.#enter(connection, customer, 'silent', nowMs);
    return evicted === undefined ? { admitted: true } : { admitted: true, evicted };
  }

  /** A whole request came; its answer is not out yet. */
  asked(connection: C, nowMs: number): void {
    this.#move(connection, 'busy', nowMs);
  }

  /** Its answers are out. */
  answered(connection: C, nowMs: number): void {
    this.#move(connection, 'idle', nowMs);
  }

  /** The connection is gone; one that lost its place before may say so again. */
  ended(connection: C): void {
    const held = this.#held.get(connection);
    if (held === undefined) return;
    const { customer, state } = held;
    this.#held.delete(connection);
    this.#leave(connection, customer, state);
    customer.count -= 1;
    if (customer.count === 0) this.#customers.delete(customer.key);
  }

  /** A connection that asks again while it is busy keeps its age. */
  #move(connection: C, state: State, nowMs: number): void {
    const held = this.#held.get(connection);
    if (held === undefined || (held.state === 'busy' && state === 'busy')) return;
    this.#leave(connection, held.customer, held.state);
    held.state = state;
    this.#enter(connection, held.customer, state, nowMs);
  }

  #enter(connection: C, customer: Customer<C>, state: State, nowMs: number): void {
    this.#since[state].set(connection, nowMs);
    if (state !== 'busy') customer[state].add(connection);
  }

  #leave(connection: C, customer: Customer<C>, state: State): void {
    this.#since[state].delete(connection);
    if (state !== 'busy') customer[state].delete(connection);
  }

  /**
   * The connection that makes room: one of the newcomer's own, if its address holds its share or more
   * (an address that keeps coming back displaces itself). Else, in this order: the longest silent beyond
   * `graceMs`, the longest idle, the longest silent, the one that left its answer for `patienceMs`.
   */
  #dispensable(newcomer: Customer<C> | undefined, nowMs: number): C | undefined {
    const { max, graceMs, patienceMs } = this.#options;
    if (newcomer !== undefined && newcomer.count >= max / this.#customers.size) {
      const [own] = newcomer.silent.size > 0 ? newcomer.silent : newcomer.idle;
      if (own !== undefined) return own;
    }
    const { silent, idle, busy } = this.#since;
    return (
      oldest(silent, nowMs - graceMs) ??
      oldest(idle, nowMs) ??
      oldest(silent, nowMs) ??
      oldest(busy, nowMs - patienceMs)
    );
  }
}

/** The first, if it has been there since `untilMs` or longer. */
function oldest<C>(since: ReadonlyMap<C, number>, untilMs: number): C | undefined {
  const [first] = since;
  return first !== undefined && first[1] <= untilMs ? first[0] : undefined;
}
