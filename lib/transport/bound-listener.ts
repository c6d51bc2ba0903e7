// Listens on the own addresses of the engine, one listener for each family, and follows them when
// the interface gets others.

import type { OwnAddressesNow } from '../address/binding';
import type { ListenAt, ListenEvents, Listener } from './stream';
import { TcpListener } from './tcp-listener';
import type { Accepting } from './tcp-stream';

/** Interval at which the addresses are compared: Node does not report when an interface changes them. */
const WATCH_MS = 1_000;

export class BoundListener implements Listener {
  private readonly at: ListenAt;
  private readonly own: OwnAddressesNow;
  private readonly accepting: Accepting;
  private readonly events: ListenEvents;
  /** By address. */
  private readonly listeners = new Map<string, Listener>();
  private port: number;
  /** The first listeners are open, and the port was reported. */
  private isOpen = false;
  private readonly watch: NodeJS.Timeout;

  constructor(at: ListenAt, own: OwnAddressesNow, accepting: Accepting, events: ListenEvents) {
    this.at = at;
    this.own = own;
    this.accepting = accepting;
    this.events = events;
    this.port = at.port;
    this.watch = setInterval(() => this.follow(), WATCH_MS).unref();
    const [first, ...others] = this.hosts;
    if (first === undefined) {
      const message = 'the interface that the engine is bound to has no address';
      setImmediate(() => events.onFailed('EADDRNOTAVAIL', message));
      return;
    }
    this.open(first, (port) => {
      // The system may have picked the port for the first address: the others get the same.
      this.port = port;
      const [second] = others;
      if (second === undefined) this.report();
      else this.open(second, () => this.report());
    });
  }

  close(): void {
    clearInterval(this.watch);
    for (const listener of this.listeners.values()) listener.close();
    this.listeners.clear();
  }

  private get hosts(): readonly string[] {
    const { ipv4, ipv6 } = this.own();
    return [ipv4, ipv6].filter((host) => host !== undefined);
  }

  private report(): void {
    this.isOpen = true;
    this.events.onListening(this.port);
  }

  /** Closes listeners on addresses that are gone, and opens those on new ones; the next call tries again. */
  private follow(): void {
    if (!this.isOpen) return;
    const { hosts } = this;
    for (const [host, listener] of this.listeners) {
      if (hosts.includes(host)) continue;
      listener.close();
      this.listeners.delete(host);
    }
    for (const host of hosts) {
      if (!this.listeners.has(host)) this.open(host, () => undefined);
    }
  }

  private open(host: string, done: (port: number) => void): void {
    const share = this.isOpen && this.at.share === 'first' ? 'beside' : this.at.share;
    const listener = new TcpListener({ port: this.port, host, share }, this.accepting, {
      ...this.events,
      onListening: (port) => done(port),
      onFailed: (code, message) => {
        this.listeners.delete(host);
        if (this.isOpen) this.events.onError(Object.assign(new Error(message), { code }));
        else this.events.onFailed(code, message);
      },
    });
    this.listeners.set(host, listener);
  }
}
