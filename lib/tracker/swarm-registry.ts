// PURE. Who takes part in which torrent, as a tracker remembers it: bounded, forgetful, and told
// the time and random numbers.

import { COMPACT_IPV4_BYTES, COMPACT_IPV6_BYTES } from './address';
import type { AnnounceEvent } from './announce';

/** A silent peer is forgotten after this many intervals: one announce may get lost, not two. */
const EXPIRY_INTERVALS = 2;

/** Peers in one answer where `numwant` is absent, and at most (both as other trackers do). */
export const DEFAULT_NUM_WANT = 50;
export const MAX_NUM_WANT = 200;

/** About 400 bytes a peer in memory: 100,000 of them are 40 MB. */
const MAX_TORRENTS = 10_000;
const MAX_PEERS = 100_000;
const MAX_PEERS_PER_TORRENT = 10_000;

export interface SwarmLimits {
  readonly maxTorrents?: number;
  readonly maxPeers?: number;
  readonly maxPeersPerTorrent?: number;
}

export interface SwarmRegistryOptions {
  readonly intervalSec: number;
  /** 0 ≤ x < 1; picks which peers an answer holds. */
  readonly random: () => number;
  /** Defaults: 10,000 torrents, 100,000 peers, 10,000 peers in one torrent. */
  readonly limits?: SwarmLimits;
}

/** An announce as the server understood it. */
export interface SwarmAnnounce {
  /** 20 raw bytes. */
  readonly infoHash: Uint8Array;
  /** 20 raw bytes. */
  readonly peerId: Uint8Array;
  /** 4 or 16 bytes, network order: the address the request came from. */
  readonly address: Uint8Array;
  readonly port: number;
  readonly leftBytes: number;
  readonly event?: AnnounceEvent;
  readonly numWant?: number;
}

export interface SwarmPeer {
  readonly peerId: Uint8Array;
  readonly address: Uint8Array;
  readonly port: number;
  /** Address and port as compact lists hold them. */
  readonly compact: Uint8Array;
  readonly seed: boolean;
  readonly seenMs: number;
}

export interface SwarmAnswer {
  readonly seeds: number;
  readonly leechers: number;
  readonly peers: readonly SwarmPeer[];
}

interface Swarm {
  /** In the order last heard of, so that the silent ones are in front. */
  readonly peers: Map<string, SwarmPeer>;
  seeds: number;
}

export class SwarmRegistry {
  readonly #expiryMs: number;
  readonly #random: () => number;
  readonly #limits: Required<SwarmLimits>;
  /** In the order last heard of. Keys are the 20 bytes as Latin-1. */
  readonly #swarms = new Map<string, Swarm>();
  #peerCount = 0;

  constructor({ intervalSec, random, limits = {} }: SwarmRegistryOptions) {
    this.#expiryMs = intervalSec * 1000 * EXPIRY_INTERVALS;
    this.#random = random;
    this.#limits = {
      maxTorrents: limits.maxTorrents ?? MAX_TORRENTS,
      maxPeers: limits.maxPeers ?? MAX_PEERS,
      maxPeersPerTorrent: limits.maxPeersPerTorrent ?? MAX_PEERS_PER_TORRENT,
    };
  }

  get torrentCount(): number {
    return this.#swarms.size;
  }

  get peerCount(): number {
    return this.#peerCount;
  }

  /** Takes an announce in and answers it; `full` where there is no room for another peer or torrent. */
  announce(announce: SwarmAnnounce, nowMs: number): SwarmAnswer | 'full' {
    this.expire(nowMs);
    const id = Buffer.from(announce.infoHash).toString('latin1');
    const swarm = this.#swarms.get(id) ?? { peers: new Map<string, SwarmPeer>(), seeds: 0 };
    this.#expireSwarm(swarm, nowMs - this.#expiryMs);
    const compact = pack(announce.address, announce.port);
    const key = Buffer.from(compact).toString('latin1');
    this.#forget(swarm, key);
    if (announce.event === 'stopped') {
      if (swarm.peers.size === 0) this.#swarms.delete(id);
      return { seeds: swarm.seeds, leechers: swarm.peers.size - swarm.seeds, peers: [] };
    }
    if (!this.#hasRoom(id, swarm)) return 'full';
    const seed = announce.leftBytes === 0;
    const wanted = Math.min(announce.numWant ?? DEFAULT_NUM_WANT, MAX_NUM_WANT);
    // Chosen before the asker is in: nobody is told about himself. A seed has no use for seeds.
    const peers = this.#choose(swarm, wanted, !seed);
    swarm.peers.set(key, {
      // Copies: views would keep the whole request alive.
      peerId: Uint8Array.from(announce.peerId),
      address: Uint8Array.from(announce.address),
      port: announce.port,
      compact,
      seed,
      seenMs: nowMs,
    });
    if (seed) swarm.seeds += 1;
    this.#peerCount += 1;
    this.#swarms.delete(id);
    this.#swarms.set(id, swarm);
    return { seeds: swarm.seeds, leechers: swarm.peers.size - swarm.seeds, peers };
  }

  /**
   * Forgets who was silent for two intervals. Visits only swarms where that may be: a swarm stands
   * where its last announce put it, so those behind the first lively one are lively too. (A silent
   * peer in a lively swarm goes with that swarm's next announce.)
   */
  expire(nowMs: number): void {
    const deadMs = nowMs - this.#expiryMs;
    for (const [id, swarm] of this.#swarms) {
      const lively = this.#expireSwarm(swarm, deadMs);
      if (lively) break;
      this.#swarms.delete(id);
    }
  }

  #expireSwarm(swarm: Swarm, deadMs: number): boolean {
    for (const [key, peer] of swarm.peers) {
      if (peer.seenMs > deadMs) return true;
      this.#forget(swarm, key);
    }
    return false;
  }

  #hasRoom(id: string, swarm: Swarm): boolean {
    const { maxTorrents, maxPeers, maxPeersPerTorrent } = this.#limits;
    if (this.#peerCount >= maxPeers || swarm.peers.size >= maxPeersPerTorrent) return false;
    return this.#swarms.has(id) || this.#swarms.size < maxTorrents;
  }

  #forget(swarm: Swarm, key: string): void {
    const peer = swarm.peers.get(key);
    if (peer === undefined) return;
    swarm.peers.delete(key);
    this.#peerCount -= 1;
    if (peer.seed) swarm.seeds -= 1;
  }

  /** Up to `wanted` peers from a random place on, round the end. */
  #choose(swarm: Swarm, wanted: number, withSeeds: boolean): SwarmPeer[] {
    const all = [...swarm.peers.values()].filter((peer) => withSeeds || !peer.seed);
    if (all.length <= wanted) return all;
    const start = Math.floor(this.#random() * all.length);
    const chosen = all.slice(start, start + wanted);
    return [...chosen, ...all.slice(0, wanted - chosen.length)];
  }
}

function pack(address: Uint8Array, port: number): Uint8Array {
  const lengthBytes = address.length === 4 ? COMPACT_IPV4_BYTES : COMPACT_IPV6_BYTES;
  const packed = new Uint8Array(lengthBytes);
  packed.set(address);
  packed[lengthBytes - 2] = port >> 8;
  packed[lengthBytes - 1] = port & 0xff;
  return packed;
}
