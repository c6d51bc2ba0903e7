// PURE. The connections of a tracker's HTTP server: limits in total and per address, and which one
// makes room for a new one when all places are taken.

import { householdOfHost } from '../address/household';

export interface ConnectionTableOptions {
  readonly max: number;
  /** Most connections of one customer: an IPv4 address or a /64 of IPv6. */
  readonly maxPerIp: number;
  /** After this long without reading its reply, a connection may have to make room. */
  readonly patienceMs: number;
  /** After this long without a request, a connection makes room before others. */
  readonly graceMs: number;
}

/** The decision on a new connection. */
export type Admission<C> =
  | { readonly admitted: false }
  /** `evicted` has lost its place: the caller must end that connection. */
  | { readonly admitted: true; readonly evicted?: C };

/**
 * `silent`: has never sent a complete request. `idle`: has its reply, and may send another request.
 * `busy`: its reply is being sent.
 */
type State = 'silent' | 'idle' | 'busy';

interface Customer<C> {
  readonly key: number | string;
  count: number;
  /** Connections in each of these states, oldest first. */
  readonly silent: Set<C>;
  readonly idle: Set<C>;
}

interface Held<C> {
  readonly customer: Customer<C>;
  state: State;
}

/** Every operation is O(1), even when full: sets and maps keep insertion order. */
export class ConnectionTable<C> {
  private readonly options: ConnectionTableOptions;
  private readonly byAddress = new Map<number | string, Customer<C>>();
  private readonly held = new Map<C, Held<C>>();
  /** When each entered its state, oldest first. */
  private readonly since: Readonly<Record<State, Map<C, number>>> = {
    silent: new Map(),
    idle: new Map(),
    busy: new Map(),
  };

  constructor(options: ConnectionTableOptions) {
    this.options = options;
  }

  /** Connections held. */
  get size(): number {
    return this.held.size;
  }

  /** Number of customers with connections. */
  get customers(): number {
    return this.byAddress.size;
  }

  /** Finds a place for a new connection, if necessary that of another one. */
  admit(connection: C, address: string, nowMs: number): Admission<C> {
    const { max, maxPerIp } = this.options;
    const key = householdOfHost(address);
    if ((this.byAddress.get(key)?.count ?? 0) >= maxPerIp) return { admitted: false };
    let evicted: C | undefined;
    if (this.held.size >= max) {
      evicted = this.dispensable(this.byAddress.get(key), nowMs);
      if (evicted === undefined) return { admitted: false };
      this.ended(evicted);
    }
    const customer: Customer<C> = this.byAddress.get(key) ?? {
      key,
      count: 0,
      silent: new Set(),
      idle: new Set(),
    };
    this.byAddress.set(key, customer);
    customer.count += 1;
    this.held.set(connection, { customer, state: 'silent' });
    this.enter(connection, customer, 'silent', nowMs);
    return evicted === undefined ? { admitted: true } : { admitted: true, evicted };
  }

  /** A complete request arrived; its reply is not sent yet. */
  asked(connection: C, nowMs: number): void {
    this.move(connection, 'busy', nowMs);
  }

  /** Its replies are sent. */
  answered(connection: C, nowMs: number): void {
    this.move(connection, 'idle', nowMs);
  }

  /** The connection has ended; may be called for one that lost its place before. */
  ended(connection: C): void {
    const held = this.held.get(connection);
    if (held === undefined) return;
    const { customer, state } = held;
    this.held.delete(connection);
    this.leave(connection, customer, state);
    customer.count -= 1;
    if (customer.count === 0) this.byAddress.delete(customer.key);
  }

  /** A connection that sends another request while it is busy keeps its age. */
  private move(connection: C, state: State, nowMs: number): void {
    const held = this.held.get(connection);
    if (held === undefined || (held.state === 'busy' && state === 'busy')) return;
    this.leave(connection, held.customer, held.state);
    held.state = state;
    this.enter(connection, held.customer, state, nowMs);
  }

  private enter(connection: C, customer: Customer<C>, state: State, nowMs: number): void {
    this.since[state].set(connection, nowMs);
    if (state !== 'busy') customer[state].add(connection);
  }

  private leave(connection: C, customer: Customer<C>, state: State): void {
    this.since[state].delete(connection);
    if (state !== 'busy') customer[state].delete(connection);
  }

  /**
   * The connection that makes room: one of the newcomer's own, if its address has its share or more
   * (an address that keeps reconnecting replaces itself). Else, in this order: the longest silent
   * beyond `graceMs`, the longest idle, the longest silent, one that has not read its reply for
   * `patienceMs`.
   */
  private dispensable(newcomer: Customer<C> | undefined, nowMs: number): C | undefined {
    const { max, graceMs, patienceMs } = this.options;
    if (newcomer !== undefined && newcomer.count >= max / this.byAddress.size) {
      const [own] = newcomer.silent.size > 0 ? newcomer.silent : newcomer.idle;
      if (own !== undefined) return own;
    }
    const { silent, idle, busy } = this.since;
    return (
      oldest(silent, nowMs - graceMs) ??
      oldest(idle, nowMs) ??
      oldest(silent, nowMs) ??
      oldest(busy, nowMs - patienceMs)
    );
  }
}

/** The first one, if it has been there since `untilMs` or longer. */
function oldest<C>(since: ReadonlyMap<C, number>, untilMs: number): C | undefined {
  const [first] = since;
  return first !== undefined && first[1] <= untilMs ? first[0] : undefined;
}
