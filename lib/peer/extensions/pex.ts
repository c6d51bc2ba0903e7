// Peer exchange (BEP 11): sends the addresses of our other peers, and reports the addresses that the
// peer sends. Received messages are limited in size, in number and in rate.

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
 * A first message may list all peers of its sender. An IPv6 peer that is added and dropped takes
 * 19 + 18 bytes, so there is room for some 880 of these.
 */
const MAX_MESSAGE_BYTES = 32_768;

/**
 * BEP 11 allows one message a minute. 45 s and a burst of 4 leave room for imprecise timers and for
 * messages that a slow network delivers together.
 */
const RECEIVED = { perSec: 1 / 45, burst: 4 };
/** A connection is closed after this many excess messages in a row. */
const MAX_EXCESS = 16;

/** Spreads connection numbers: 2^32 divided by the golden ratio (Knuth's multiplicative hash). */
const SPREAD = 2_654_435_761;

export class PeerExchange implements Extension {
  readonly name = PEX_NAME;
  readonly maxMessageBytes = MAX_MESSAGE_BYTES;
  private readonly peer: ExtensionPeer;
  private readonly swarm: SwarmList;
  /** Addresses that are closer to us than the peer are neither sent to it nor accepted from it. */
  private readonly scope: AddressScope;
  /** The keys of the peer itself: its connection, and where it listens. */
  private readonly itself = new Set<string>();
  private readonly received = new TokenBucket(RECEIVED);
  private excess = 0;
  /** Keys of the peers that were sent as added, and not yet as dropped. */
  private readonly sent = new Set<string>();
  private sentVersion = 0;
  private notBeforeMs = -Infinity;

  constructor(peer: ExtensionPeer, swarm: SwarmList) {
    this.peer = peer;
    this.swarm = swarm;
    this.scope = scopeOfText(peer.host) ?? 'public';
    this.noteItself(peer.port);
  }

  get dueMs(): number {
    const { version, closed } = this.swarm;
    const hasNews = this.sentVersion !== version && !closed;
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
    const gone = [...this.sent].filter((key) => !this.swarm.entries.has(key));
    const news = this.unsent();
    const added = news.slice(0, MAX_SENT);
    const dropped = gone.slice(0, MAX_SENT);
    // What does not fit follows in a minute.
    if (added.length === news.length && dropped.length === gone.length)
      this.sentVersion = this.swarm.version;
    if (added.length + dropped.length === 0) return;
    for (const { key } of added) this.sent.add(key);
    for (const key of dropped) this.sent.delete(key);
    this.notBeforeMs = nowMs + PEX_INTERVAL_MS;
    this.peer.send(encodePeerExchange({ added, dropped: dropped.map(bytesOfKey) }));
  }

  /**
   * The entries that were not sent to this peer yet. If they do not fit into one message, each
   * connection starts at a different one, so that peers that get only 50 get different ones.
   */
  private unsent(): readonly SwarmEntry[] {
    const unsent: SwarmEntry[] = [];
    for (const entry of this.swarm.entries.values()) {
      const { key, scope } = entry;
      if (this.sent.has(key) || this.itself.has(key) || isCloser(scope, this.scope)) continue;
      unsent.push(entry);
    }
    if (unsent.length <= MAX_SENT) return unsent;
    const start = (Math.imul(this.peer.connection, SPREAD) >>> 0) % unsent.length;
    return [...unsent.slice(start), ...unsent.slice(0, start)];
  }

  /**
   * The peers that may be dialled, one port of each address (BEP 11): dials to many ports of a host
   * would be an attack on it. On loopback, each port is a peer.
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
