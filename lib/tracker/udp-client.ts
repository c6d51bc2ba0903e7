// EDGE. Announces and scrapes over UDP (BEP 15, BEP 41). The exchanges decide what to send and
// when; this file has the sockets (one for each address family, shared by all requests), the name
// look-up, the timers and the clock.

import { randomInt } from 'node:crypto';
import * as dgram from 'node:dgram';
import { performance } from 'node:perf_hooks';
import { unlessStopped } from '../async/on-abort';
import type { AnnounceReply, AnnounceRequest, ScrapeReply, TrackerClient } from './announce';
import type { ClientOptions } from './client-options';
import { COMPACT_IPV4_BYTES, COMPACT_IPV6_BYTES, readCompactPeers } from '../address/compact-peers';
import { isLackOfOurs } from '../errors/system-error';
import { withDeadline } from '../http/deadline';
import { resolveHost } from '../http/resolve';
import type { Family, ResolvedAddress } from '../http/resolve';
import { announceToFamilies } from './families';
import { MAX_PEERS_PER_LIST, boundedInterval } from './limits';
import type { Overhear } from './overhear';
import { localIps } from './own-addresses';
import { filterPeers } from './peer-filter';
import { whyNotReach } from '../http/reach';
import type { ReachRule } from '../http/reach';
import { connectionError, forbidden, requestError } from '../http/request-error';
import { MAX_SCRAPE_HASHES, MAX_URL_DATA_BYTES, encodeAnnounce, encodeScrape } from './udp-codec';
import type { ConnectionId } from './udp-codec';
import { ConnectionIds, UdpExchange } from './udp-exchange';
import type { Received, WantedReply } from './udp-exchange';

export interface UdpTrackerOptions extends ClientOptions {
  /**
   * Time limit of the whole request. Default 105,000: packets after 0, 15 and 45 s (BEP 15), and
   * the wait after the third. The full sequence would take 7,665 s; a new announce is better.
   */
  readonly timeoutMs?: number;
  /** Time until the first retransmission; doubles with each. Default 15,000 (BEP 15). */
  readonly firstWaitMs?: number;
}

const DEFAULT_TIMEOUT_MS = 105_000;

/** Errors of `send` after which another address of the same tracker may work. */
const NO_WAY = ['ENETUNREACH', 'EHOSTUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT'];

interface Target extends ResolvedAddress {
  readonly url: string;
  readonly port: number;
}

type Encode = (connectionId: ConnectionId, transactionId: number) => Uint8Array;

export class UdpTrackerClient implements TrackerClient {
  private readonly options: UdpTrackerOptions;
  private readonly connectionIds = new ConnectionIds();
  private readonly sockets = new Map<Family, SharedSocket>();

  constructor(options: UdpTrackerOptions = {}) {
    this.options = options;
  }

  /** See `TrackerClient`. */
  async announce(
    url: string,
    request: AnnounceRequest,
    signal?: AbortSignal,
  ): Promise<AnnounceReply> {
    const urlData = urlDataOf(url);
    const encode: Encode = (connectionId, transactionId) =>
      encodeAnnounce(connectionId, transactionId, request, urlData);
    return this.within(url, signal, async (targets, stop) => {
      const announce = async (some: readonly Target[], end: AbortSignal): Promise<AnnounceReply> =>
        this.replyOf(await this.exchange(some, 'announce', encode, end), request);
      if (this.options.bothFamilies !== true) return announce(targets, stop);
      const families = [...new Set(targets.map(({ family }) => family))];
      return announceToFamilies(
        families,
        (over, end) =>
          announce(
            targets.filter(({ family }) => family === over),
            end,
          ),
        stop,
      );
    });
  }

  /** See `TrackerClient`. */
  async scrape(
    url: string,
    infoHashes: readonly Uint8Array[],
    signal?: AbortSignal,
  ): Promise<ScrapeReply> {
    return this.within(url, signal, async (targets, stop) => {
      const counts: ScrapeReply['counts'][number][] = [];
      let trackerIp: string | undefined;
      for (let at = 0; at < infoHashes.length; at += MAX_SCRAPE_HASHES) {
        const part = infoHashes.slice(at, at + MAX_SCRAPE_HASHES);
        const encode: Encode = (connectionId, transactionId) =>
          encodeScrape(connectionId, transactionId, part);
        const { reply, target } = await this.exchange(targets, 'scrape', encode, stop);
        trackerIp = target.address;
        // The reply has no hashes: its entries are in the order of the request.
        const known = reply.action === 'scrape' ? reply.counts : [];
        for (let index = 0; index < part.length; index += 1) counts.push(known[index]);
      }
      return { counts, trackerIp };
    });
  }

  /** See `TrackerClient`. */
  close(): void {
    for (const socket of this.sockets.values()) socket.closeWhenIdle();
    this.sockets.clear();
  }

  private within<T>(
    url: string,
    signal: AbortSignal | undefined,
    work: (targets: readonly Target[], stop: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { timeoutMs = DEFAULT_TIMEOUT_MS } = this.options;
    return withDeadline({ subject: 'tracker', url, timeoutMs, signal }, async (stop) => {
      const targets = await this.resolve(url, stop);
      return unlessStopped(work(targets, stop), stop);
    });
  }

  private async resolve(url: string, stop: AbortSignal): Promise<Target[]> {
    if (!URL.canParse(url)) throw requestError('tracker', 'unsupported', url, 'is not a URL');
    const { resolve = resolveHost, family, trusted = false } = this.options;
    const { hostname, port, pathname: path } = new URL(url);
    if (port === '' || port === '0') {
      throw requestError('tracker', 'unsupported', url, 'has no port: UDP has no usual one');
    }
    let addresses: readonly ResolvedAddress[];
    try {
      addresses = await resolve(hostname, stop);
    } catch (error) {
      if (stop.aborted) throw stop.reason;
      throw connectionError('tracker', url, error as NodeJS.ErrnoException);
    }
    const usable = addresses.filter((found) => family === undefined || found.family === family);
    if (usable.length === 0) {
      throw requestError('tracker', 'unreachable', url, `has no IPv${family ?? 4} address`);
    }
    // Packets go to the addresses that are checked here, even if the name resolves differently
    // later.
    const rule: ReachRule = { trusted, onLoopback: 'announce' };
    const judged = usable.map((found) => ({
      ...found,
      why: whyNotReach(found.address, { path }, rule),
    }));
    const allowed = judged.filter(({ why }) => why === undefined);
    const [first] = judged;
    if (allowed.length === 0 && first?.why !== undefined) {
      throw forbidden('tracker', url, first.address, first.why);
    }
    return allowed.map(({ address, family: of }) => ({
      address,
      family: of,
      url,
      port: Number(port),
    }));
  }

  /** Uses the first target to which packets can be sent. */
  private async exchange(
    targets: readonly Target[],
    wanted: 'announce' | 'scrape',
    encode: Encode,
    stop: AbortSignal,
  ): Promise<{ readonly reply: WantedReply; readonly target: Target }> {
    let error: NodeJS.ErrnoException | undefined;
    for (const target of targets) {
      const { address, family, port } = target;
      const nowMs = performance.now();
      const exchange = new UdpExchange({
        endpoint: `${address} ${port}`,
        family,
        wanted,
        encode,
        connectionIds: this.connectionIds,
        random32: () => randomInt(2 ** 32),
        nowMs,
        firstWaitMs: this.options.firstWaitMs,
      });
      try {
        const socket = this.socketOf(family);
        return { reply: await run(socket, target, exchange, this.options.overhear, stop), target };
      } catch (reason) {
        error = reason as NodeJS.ErrnoException;
        if (isLackOfOurs(error)) break;
        if (!NO_WAY.includes(error.code ?? '')) throw reason;
      }
    }
    throw connectionError('tracker', targets[0]?.url ?? '', error ?? new Error('no address'));
  }

  private socketOf(family: Family): SharedSocket {
    const own = this.options.own?.();
    const localAddress = family === 4 ? own?.ipv4 : own?.ipv6;
    if (own !== undefined && localAddress === undefined) {
      const why = `the engine is bound to no IPv${family} address`;
      throw Object.assign(new Error(why), { code: 'EADDRNOTAVAIL' });
    }
    const open = this.sockets.get(family);
    if (open?.isUsable(localAddress) === true) return open;
    open?.closeWhenIdle();
    const socket = new SharedSocket(family, localAddress);
    this.sockets.set(family, socket);
    return socket;
  }

  private replyOf(
    { reply, target }: { readonly reply: WantedReply; readonly target: Target },
    { port, ip }: AnnounceRequest,
  ): AnnounceReply {
    // The exchange accepts nothing else; this is for the compiler.
    if (reply.action !== 'announce') throw new TypeError('not an announce reply');
    const stride = target.family === 4 ? COMPACT_IPV4_BYTES : COMPACT_IPV6_BYTES;
    const { ownIps: local = localIps() } = this.options;
    const ownIps = ip === undefined ? local : [...local, ip];
    const listed = readCompactPeers(reply.peers, stride, MAX_PEERS_PER_LIST);
    const peers = filterPeers(listed, { trackerIp: target.address, ownIps, ownPort: port });
    return {
      intervalSec: boundedInterval(reply.intervalSec),
      peers,
      seeds: reply.seeds,
      leechers: reply.leechers,
      trackerIp: target.address,
      droppedPeers: reply.peers.length / stride - peers.length,
    };
  }
}

/** Path and query of the URL, for BEP 41; empty if it has none. */
function urlDataOf(url: string): string {
  if (!URL.canParse(url)) return '';
  const { pathname, search } = new URL(url);
  const data = pathname === '/' && search === '' ? '' : `${pathname}${search}`;
  if (Buffer.byteLength(data) > MAX_URL_DATA_BYTES) {
    throw requestError(
      'tracker',
      'unsupported',
      url,
      `has a path and query of more than ${MAX_URL_DATA_BYTES} bytes`,
    );
  }
  return data;
}

/** Runs one exchange to its end: sends when due, and passes on what the tracker sends. */
function run(
  socket: SharedSocket,
  target: Target,
  exchange: UdpExchange,
  overhear: Overhear | undefined,
  stop: AbortSignal,
): Promise<WantedReply> {
  const { family, address } = target;
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const leave = (): void => {
      clearTimeout(timer);
      stop.removeEventListener('abort', onStop);
      socket.remove(exchange);
    };
    const fail = (error: Error): void => {
      leave();
      reject(error);
    };
    const onStop = (): void => fail(stop.reason as Error);
    const pump = (): void => {
      clearTimeout(timer);
      const nowMs = performance.now();
      const packet = exchange.poll(nowMs);
      if (packet === 'expired') {
        return fail(
          requestError('tracker', 'timeout', target.url, 'answered none of nine packets'),
        );
      }
      if (packet !== undefined) {
        overhear?.({ type: 'datagram', direction: 'sent', packet, family, address });
        socket.send(packet, target, (error) => {
          if (error !== null) fail(error);
        });
      }
      // A timer may fire a fraction of a millisecond early: never poll before the next one.
      timer = setTimeout(pump, Math.max(1, exchange.nextDueMs - nowMs));
    };
    if (stop.aborted) return reject(stop.reason as Error);
    stop.addEventListener('abort', onStop, { once: true });
    socket.add(exchange, target, {
      receive: (received) => {
        if (received === 'ignored') return;
        if (received === 'connected') return pump();
        if (received instanceof Error) return fail(received);
        leave();
        resolve(received);
      },
      fail,
      overhear:
        overhear &&
        ((packet) => {
          overhear({ type: 'datagram', direction: 'received', packet, family, address });
        }),
    });
    pump();
  });
}

interface Listener {
  receive(received: Received): void;
  fail(error: Error): void;
  /** Called with every packet of the tracker, including ignored ones. */
  readonly overhear?: (packet: Uint8Array) => void;
}

/** One socket for all exchanges of a family. It keeps the process alive only during an exchange. */
class SharedSocket {
  private readonly socket: dgram.Socket;
  private readonly exchanges = new Map<UdpExchange, Target & { readonly listener: Listener }>();
  private closing = false;
  /** Its error was passed to every exchange; a new socket is needed. */
  private broken = false;
  private readonly localAddress: string | undefined;

  /** `localAddress`: the own address that it is bound to. Default: the system chooses. */
  constructor(family: Family, localAddress: string | undefined) {
    this.localAddress = localAddress;
    this.socket = dgram.createSocket(
      family === 4 ? { type: 'udp4' } : { type: 'udp6', ipv6Only: true },
    );
    this.socket.unref();
    this.socket.on('message', (packet, from) => this.receive(packet, from));
    this.socket.on('error', (error) => this.break(error));
    if (localAddress !== undefined) this.socket.bind({ address: localAddress, port: 0 });
  }

  /** Whether it can be used by another exchange that must be bound to `localAddress`. */
  isUsable(localAddress: string | undefined): boolean {
    return !this.broken && this.localAddress === localAddress;
  }

  add(exchange: UdpExchange, target: Target, listener: Listener): void {
    if (this.exchanges.size === 0) this.socket.ref();
    this.exchanges.set(exchange, { ...target, listener });
  }

  remove(exchange: UdpExchange): void {
    if (!this.exchanges.delete(exchange) || this.exchanges.size > 0 || this.broken) return;
    if (this.closing) this.socket.close();
    else this.socket.unref();
  }

  send(packet: Uint8Array, { address, port }: Target, done: (error: Error | null) => void): void {
    try {
      this.socket.send(packet, port, address, done);
    } catch (error) {
      done(error as Error);
    }
  }

  closeWhenIdle(): void {
    this.closing = true;
    if (this.exchanges.size === 0 && !this.broken) this.socket.close();
  }

  /** Forged packets could try many ids, so the source must also match. */
  private receive(packet: Buffer, from: dgram.RemoteInfo): void {
    for (const [exchange, { address, port, listener }] of this.exchanges) {
      if (from.port !== port || !isSameAddress(from.address, address)) continue;
      listener.overhear?.(packet);
      const received = exchange.receive(packet, performance.now());
      if (received !== 'ignored') return listener.receive(received);
    }
  }

  private break(error: Error): void {
    this.broken = true;
    for (const { listener } of [...this.exchanges.values()]) listener.fail(error);
    this.socket.close();
  }
}

/**
 * Compares addresses as text, without the zone that the system adds to link-local ones
 * (`fe80::1%eth0`).
 */
function isSameAddress(a: string, b: string): boolean {
  return a === b || a.split('%', 1)[0] === b.split('%', 1)[0];
}
