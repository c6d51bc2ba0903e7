// PURE. Which peers participate in which torrent, in bounded memory. Time and random numbers are
// parameters.

import { householdOf } from '../address/household';
import type { Household } from '../address/household';
import type { ReceivedAnnounce, ScrapeCounts } from '../tracker/announce';
import { COMPACT_IPV4_BYTES, COMPACT_IPV6_BYTES, packPeer } from '../address/compact-peers';
import { Finishes } from './finishes';
import { PeerTable } from './peer-table';

/** Scans of a swarm for silent peers, per expiry time. */
const LOOKS_PER_EXPIRY = 64;
/** Scans of all swarms, per expiry time. */
const SWEEPS_PER_EXPIRY = 8;

/** Peers in one reply: without `numwant`, and at most (both as in other trackers). */
export const DEFAULT_NUM_WANT = 50;
export const MAX_NUM_WANT = 200;

/**
 * A peer takes about 150 bytes, a torrent 1.2 KB (docs/PERFORMANCE.md): 30 MB and 60 MB when full.
 */
const MAX_TORRENTS = 50_000;
const MAX_PEERS = 200_000;
const MAX_PEERS_PER_TORRENT = 50_000;
/**
 * A twentieth of all: enough for one machine with 10,000 torrents, but one machine cannot fill the
 * tracker.
 */
const MAX_PEERS_PER_IP = 10_000;

export interface SwarmLimits {
  readonly maxTorrents?: number;
  readonly maxPeers?: number;
  readonly maxPeersPerTorrent?: number;
  /** Most peers from one IPv4 address, or one /64 of IPv6. */
  readonly maxPeersPerIp?: number;
}

export interface SwarmRegistryOptions {
  /** Silence after which a peer is removed. */
  readonly forgetAfterMs: number;
  /** A number 0 ≤ x < 1; selects the peers of a reply. */
  readonly random: () => number;
  /** Defaults: 50,000 torrents, 200,000 peers, 50,000 peers in one torrent, 10,000 behind one address. */
  readonly limits?: SwarmLimits;
}

export interface SwarmAnswer {
  /** Includes the requesting client, if it is listed. */
  readonly seeds: number;
  readonly leechers: number;
  /** Packed, 6 bytes each. A view that the next announce overwrites. */
  readonly peers: Uint8Array;
  /** Packed, 18 bytes each. A view that the next announce overwrites. */
  readonly peers6: Uint8Array;
  /** Ids of `peers`, then of `peers6`; empty unless requested. */
  readonly peerIds: readonly Uint8Array[];
  /** There was no room for the client: it gets peers, but is not returned to others. */
  readonly full: boolean;
}

interface Swarm {
  readonly v4: PeerTable;
  /** Created for the first IPv6 peer. */
  v6?: PeerTable;
  completed: number;
  /** The earliest time at which a peer may expire. */
  nextLookMs: number;
}

const NO_PEERS = new Uint8Array(0);

export class SwarmRegistry {
  private readonly expiryMs: number;
  private readonly random: () => number;
  private readonly limits: Required<SwarmLimits>;
  /** Keys are the 20 bytes as Latin-1. */
  private readonly swarms = new Map<string, Swarm>();
  /** Number of peers per address; kept only if there is a limit. */
  private readonly perIp = new Map<Household, number>();
  private readonly finishes = new Finishes();
  /** Buffers in which replies are built: their bytes are copied into a packet at once. */
  private readonly scratch = new Uint8Array(MAX_NUM_WANT * COMPACT_IPV4_BYTES);
  private readonly scratch6 = new Uint8Array(MAX_NUM_WANT * COMPACT_IPV6_BYTES);
  private totalPeers = 0;
  private totalSeeds = 0;
  private totalCompleted = 0;
  private nextSweepMs = -Infinity;

  constructor({ forgetAfterMs, random, limits = {} }: SwarmRegistryOptions) {
    this.expiryMs = forgetAfterMs;
    this.random = random;
    this.limits = {
      maxTorrents: limits.maxTorrents ?? MAX_TORRENTS,
      maxPeers: limits.maxPeers ?? MAX_PEERS,
      maxPeersPerTorrent: limits.maxPeersPerTorrent ?? MAX_PEERS_PER_TORRENT,
      maxPeersPerIp: limits.maxPeersPerIp ?? MAX_PEERS_PER_IP,
    };
  }

  get torrentCount(): number {
    return this.swarms.size;
  }

  get peerCount(): number {
    return this.totalPeers;
  }

  get seedCount(): number {
    return this.totalSeeds;
  }

  /** For all torrents since the start, including removed ones. */
  get completedCount(): number {
    return this.totalCompleted;
  }

  /** Handles an announce, and returns the reply. */
  announce(announce: ReceivedAnnounce, nowMs: number): SwarmAnswer {
    if (nowMs >= this.nextSweepMs) this.expire(nowMs);
    const id = latin1(announce.infoHash);
    let swarm = this.swarms.get(id);
    if (swarm !== undefined) this.look(swarm, nowMs);
    const own = swarm === undefined ? undefined : tableOf(swarm, announce.address);
    const packed = packPeer(announce.address, announce.port);
    let slot = own?.find(packed) ?? -1;
    if (announce.event === 'stopped') {
      if (own !== undefined && slot >= 0) this.remove(own, slot);
      if (swarm !== undefined) this.closeIfEmpty(id, swarm);
      return answerOf(swarm, NO_PEERS, NO_PEERS, [], false);
    }
    let full = false;
    if (slot < 0 && !this.hasRoom(swarm, announce.address)) full = true;
    else {
      swarm ??= this.open(id, nowMs);
      slot = this.store(swarm, slot, packed, announce, nowMs);
      if (isFinish(announce)) this.countFinish(id, swarm, announce.peerId);
    }
    if (swarm === undefined) return answerOf(undefined, NO_PEERS, NO_PEERS, [], full);
    const ids: Uint8Array[] = [];
    const [peers, peers6] = this.choose(swarm, announce, slot, ids);
    return answerOf(swarm, peers, peers6, ids, full);
  }

  /** The counts of a torrent; zeros if unknown. */
  scrape(infoHash: Uint8Array, nowMs: number): Required<ScrapeCounts> {
    const id = latin1(infoHash);
    const swarm = this.swarms.get(id);
    if (swarm === undefined) {
      return { seeds: 0, leechers: 0, completed: this.finishes.kept(id), downloaders: 0 };
    }
    this.look(swarm, nowMs);
    const seeds = seedsOf(swarm);
    const leechers = countOf(swarm) - seeds;
    const paused = swarm.v4.paused + (swarm.v6?.paused ?? 0);
    return { seeds, leechers, completed: swarm.completed, downloaders: leechers - paused };
  }

  /** Removes peers that were silent for too long. */
  expire(nowMs: number): void {
    this.nextSweepMs = nowMs + this.expiryMs / SWEEPS_PER_EXPIRY;
    for (const [id, swarm] of this.swarms) {
      this.look(swarm, nowMs);
      this.closeIfEmpty(id, swarm);
    }
  }

  private look(swarm: Swarm, nowMs: number): void {
    if (nowMs < swarm.nextLookMs) return;
    const deadMs = nowMs - this.expiryMs;
    let oldestMs = Infinity;
    for (const table of [swarm.v4, swarm.v6]) {
      if (table === undefined) continue;
      const before = table.seeds;
      const oldest = table.expire(deadMs, (peer) => this.forgetIp(peer));
      this.totalSeeds -= before - table.seeds;
      oldestMs = Math.min(oldestMs, oldest);
    }
    swarm.nextLookMs = Math.max(oldestMs + this.expiryMs, nowMs + this.expiryMs / LOOKS_PER_EXPIRY);
  }

  private open(id: string, nowMs: number): Swarm {
    const swarm: Swarm = {
      v4: new PeerTable(COMPACT_IPV4_BYTES),
      completed: this.finishes.kept(id),
      nextLookMs: nowMs + this.expiryMs,
    };
    this.swarms.set(id, swarm);
    return swarm;
  }

  private closeIfEmpty(id: string, swarm: Swarm): void {
    if (countOf(swarm) > 0) return;
    this.swarms.delete(id);
    this.finishes.keep(id, swarm.completed);
  }

  private countFinish(id: string, swarm: Swarm, peerId: Uint8Array): void {
    if (!this.finishes.add(id, latin1(peerId))) return;
    swarm.completed += 1;
    this.totalCompleted += 1;
  }

  private hasRoom(swarm: Swarm | undefined, address: Uint8Array): boolean {
    const { maxTorrents, maxPeers, maxPeersPerTorrent, maxPeersPerIp } = this.limits;
    if (this.totalPeers >= maxPeers) return false;
    if (
      swarm === undefined ? this.swarms.size >= maxTorrents : countOf(swarm) >= maxPeersPerTorrent
    ) {
      return false;
    }
    return (
      maxPeersPerIp === Infinity || (this.perIp.get(householdOf(address)) ?? 0) < maxPeersPerIp
    );
  }

  /** Returns the slot of the peer afterwards. */
  private store(
    swarm: Swarm,
    slot: number,
    packed: Uint8Array,
    { address, peerId, leftBytes, partialSeed = false }: ReceivedAnnounce,
    nowMs: number,
  ): number {
    if (address.length === 16) swarm.v6 ??= new PeerTable(COMPACT_IPV6_BYTES);
    const table = tableOf(swarm, address) ?? swarm.v4;
    const seed = leftBytes === 0;
    const seedsBefore = table.seeds;
    const wasSeed = slot >= 0 && table.isSeed(slot);
    if (slot >= 0) table.update(slot, peerId, seed, partialSeed && !seed, nowMs);
    else {
      table.add(packed, peerId, seed, partialSeed && !seed, nowMs);
      this.totalPeers += 1;
      this.countIp(address);
    }
    this.totalSeeds += table.seeds - seedsBefore;
    return slot >= 0 && seed === wasSeed ? slot : table.find(packed);
  }

  private remove(table: PeerTable, slot: number): void {
    if (table.isSeed(slot)) this.totalSeeds -= 1;
    this.forgetIp(table.peerAt(slot));
    table.remove(slot);
  }

  private countIp(address: Uint8Array): void {
    if (this.limits.maxPeersPerIp === Infinity) return;
    const key = householdOf(address);
    this.perIp.set(key, (this.perIp.get(key) ?? 0) + 1);
  }

  private forgetIp(peer: Uint8Array): void {
    this.totalPeers -= 1;
    if (this.limits.maxPeersPerIp === Infinity) return;
    const key = householdOf(peer.subarray(0, peer.length - 2));
    const left = (this.perIp.get(key) ?? 1) - 1;
    if (left === 0) this.perIp.delete(key);
    else this.perIp.set(key, left);
  }

  /**
   * Chooses peers of both families in proportion, or only of the client's own. Seeds get no seeds.
   */
  private choose(
    { v4, v6 }: Swarm,
    { address, numWant = DEFAULT_NUM_WANT, leftBytes, families = 'all', withIds }: ReceivedAnnounce,
    slot: number,
    ids: Uint8Array[],
  ): readonly [Uint8Array, Uint8Array] {
    const wanted = Math.min(numWant, MAX_NUM_WANT);
    const withSeeds = leftBytes !== 0;
    const into = withIds === true ? ids : undefined;
    const isV4 = address.length === 4;
    const of4 = families === 'all' || isV4 ? v4.count : 0;
    const of6 = families === 'all' || !isV4 ? (v6?.count ?? 0) : 0;
    const want6 = of6 === 0 ? 0 : Math.max(wanted - of4, Math.ceil((wanted * of6) / (of4 + of6)));
    const want4 = of4 === 0 ? 0 : Math.max(0, wanted - Math.min(want6, of6));
    const skip4 = isV4 ? slot : -1;
    const skip6 = isV4 ? -1 : slot;
    const length4 =
      want4 === 0 ? 0 : v4.choose(this.scratch, want4, skip4, withSeeds, this.random, into);
    const length6 =
      v6 === undefined || want6 === 0
        ? 0
        : v6.choose(this.scratch6, want6, skip6, withSeeds, this.random, into);
    const peers = length4 === 0 ? NO_PEERS : this.scratch.subarray(0, length4);
    const peers6 = length6 === 0 ? NO_PEERS : this.scratch6.subarray(0, length6);
    return [peers, peers6];
  }
}

function answerOf(
  swarm: Swarm | undefined,
  peers: Uint8Array,
  peers6: Uint8Array,
  peerIds: readonly Uint8Array[],
  full: boolean,
): SwarmAnswer {
  const seeds = swarm === undefined ? 0 : seedsOf(swarm);
  const leechers = swarm === undefined ? 0 : countOf(swarm) - seeds;
  return { seeds, leechers, peers, peers6, peerIds, full };
}

/**
 * Whether the peer was listed as a seed before does not matter: where its first tracker URL failed,
 * it reports to the next one that it has everything (`started`), and then that it finished.
 */
function isFinish({ event, leftBytes }: ReceivedAnnounce): boolean {
  return event === 'completed' && leftBytes === 0;
}

function tableOf(swarm: Swarm, address: Uint8Array): PeerTable | undefined {
  return address.length === 4 ? swarm.v4 : swarm.v6;
}

function countOf({ v4, v6 }: Swarm): number {
  return v4.count + (v6?.count ?? 0);
}

function seedsOf({ v4, v6 }: Swarm): number {
  return v4.seeds + (v6?.seeds ?? 0);
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
