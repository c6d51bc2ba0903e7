// Peer exchange (BEP 11): tells the peer who else we are connected to, and reports whom it is
// connected to. What it says is hostile: few addresses count, and seldom.

import { addressIn, readCompactPeer, writeCompactPeer } from '../../address/compact-peers';
import { isCloser, scopeOfText } from '../../address/scope';
import type { AddressScope } from '../../address/scope';
import type { BencodeDictionary } from '../../bencode/value';
import { TokenBucket } from '../../choke/token-bucket';
import { MillraceError } from '../../errors/millrace-error';
import { MAX_PEERS_PER_EXCHANGE } from '../../messages/peer-thread';
import type { ExchangedPeer } from '../../messages/peer-thread';
import { PEER_FLAG, decodePeerExchange, encodePeerExchange } from '../../wire/peer-exchange';
import type { AddedPeer } from '../../wire/peer-exchange';
import { keyOfPeer } from '../swarm-list';
import type { SwarmEntry, SwarmList } from '../swarm-list';
import type { Extension, ExtensionOrder, ExtensionPeer } from './extension';

export const PEX_NAME = 'ut_pex';

/** At most one message a minute, with at most 50 added and 50 dropped peers (BEP 11). */
export const PEX_INTERVAL_MS = 60_000;
export const MAX_SENT = 50;

/**
 * A first message may list all peers of its sender: 800 added and dropped peers of IPv6 take 37 bytes
 * each.
 */
const MAX_MESSAGE_BYTES = 32_768;

/**
 * One a minute may come (BEP 11). A sender may have a hasty clock, and a network that delivers three
 * at once.
 */
const RECEIVED = { perSec: 1 / 45, burst: 4 };
/** So many too many between two that count are sent on purpose. */
const MAX_EXCESS = 16;

/** Spreads the numbers of connections (Knuth). */
const SPREAD = 2_654_435_761;

export class PeerExchange implements Extension {
  readonly name = PEX_NAME;
  readonly maxMessageBytes = MAX_MESSAGE_BYTES;
  private readonly peer: ExtensionPeer;
  private readonly swarm: SwarmList;
  /** How close the peer is: it is told, and may tell, of none that is closer. */
  private readonly scope: AddressScope;
  /** The keys of the peer itself: its connection, and where it listens. */
  private readonly itself = new Set<string>();
  private readonly received = new TokenBucket(RECEIVED);
  private excess = 0;
  /** What the peer has been told of and not yet been told to have gone. */
  private readonly told = new Set<string>();
  private toldVersion = 0;
  private notBeforeMs = -Infinity;

  constructor(peer: ExtensionPeer, swarm: SwarmList) {
    this.peer = peer;
    this.swarm = swarm;
    this.scope = scopeOfText(peer.host) ?? 'public';
    this.noteItself(peer.port);
  }

  get dueMs(): number {
    const { version, closed } = this.swarm;
    const hasNews = this.toldVersion !== version && !closed;
    return hasNews && this.peer.accepts ? this.notBeforeMs : Infinity;
  }

  get isOver(): boolean {
    return this.swarm.closed;
  }

  onOrder({ type }: ExtensionOrder): void {
    if (type === 'torrent-private') this.peer.greet();
  }

  onHandshake(handshake: BencodeDictionary): void {
    this.noteItself(handshake.integer('p') ?? 0);
  }

  onMessage(payload: Uint8Array, nowMs: number): boolean {
    if (this.swarm.closed) return false;
    if (this.received.balance(nowMs) < 1) {
      this.excess++;
      if (this.excess < MAX_EXCESS) return false;
      throw new MillraceError(
        'pex-flood',
        `the peer sent ${this.excess} messages of ut_pex too many, where one a minute is allowed (BEP 11)`,
      );
    }
    this.received.take(1, nowMs);
    this.excess = 0;
    const limits = { maxAdded: MAX_PEERS_PER_EXCHANGE, maxDropped: MAX_PEERS_PER_EXCHANGE };
    const message = decodePeerExchange(payload, limits);
    const added = this.dialable(message.added);
    const dropped = this.dialable(message.dropped.map((entry) => ({ entry, flags: 0 })));
    if (added.length + dropped.length === 0) return false;
    this.peer.fact({
      type: 'peer-exchange',
      connection: this.peer.connection,
      added,
      dropped: dropped.map(({ host, port }) => ({ host, port })),
    });
    return true;
  }

  endTurn(nowMs: number): void {
    if (nowMs < this.dueMs) return;
    const gone = [...this.told].filter((key) => !this.swarm.entries.has(key));
    const news = this.untold();
    const added = news.slice(0, MAX_SENT);
    const dropped = gone.slice(0, MAX_SENT);
    // What did not fit follows in a minute.
    if (added.length === news.length && dropped.length === gone.length)
      this.toldVersion = this.swarm.version;
    if (added.length + dropped.length === 0) return;
    for (const { key } of added) this.told.add(key);
    for (const key of dropped) this.told.delete(key);
    this.notBeforeMs = nowMs + PEX_INTERVAL_MS;
    this.peer.send(encodePeerExchange({ added, dropped: dropped.map(bytesOfKey) }));
  }

  /**
   * Whom the peer does not know from us. Each peer gets them from another place on, so that those who
   * get only the first 50 learn of different ones.
   */
  private untold(): readonly SwarmEntry[] {
    const untold: SwarmEntry[] = [];
    for (const entry of this.swarm.entries.values()) {
      const { key, scope } = entry;
      if (this.told.has(key) || this.itself.has(key) || isCloser(scope, this.scope)) continue;
      untold.push(entry);
    }
    if (untold.length <= MAX_SENT) return untold;
    const start = (Math.imul(this.peer.connection, SPREAD) >>> 0) % untold.length;
    return [...untold.slice(start), ...untold.slice(0, start)];
  }

  /**
   * The peers that may be dialled, each address once (BEP 11): many ports of one address would be an
   * attack on it. On one machine they are peers.
   */
  private dialable(added: readonly AddedPeer[]): ExchangedPeer[] {
    const peers = new Map<string, ExchangedPeer>();
    for (const { entry, flags } of added) {
      const peer = readCompactPeer(entry);
      if (peer === undefined || this.itself.has(keyOfPeer(entry))) continue;
      const scope = scopeOfText(peer.host) ?? 'nowhere';
      if (isCloser(scope, this.scope)) continue;
      const once = scope === 'loopback' ? keyOfPeer(entry) : keyOfPeer(addressIn(entry));
      if (peers.has(once)) continue;
      peers.set(once, { ...peer, isSeed: (flags & PEER_FLAG.seed) !== 0 });
    }
    return [...peers.values()];
  }

  private noteItself(port: number): void {
    const entry = writeCompactPeer(this.peer.host, port);
    if (entry !== undefined) this.itself.add(keyOfPeer(entry));
  }
}

function bytesOfKey(key: string): Uint8Array {
  return Uint8Array.from(key, (character) => character.charCodeAt(0));
}
