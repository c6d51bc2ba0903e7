// PURE. The decisions of our tracker for all protocols: which torrents are served, rate limits, and
// counters.

import type { ReceivedAnnounce, ScrapeCounts } from '../tracker/announce';
import { RateGate } from './rate-gate';
import { SwarmRegistry } from './swarm-registry';
import type { SwarmAnswer, SwarmLimits } from './swarm-registry';

/** Each is a number from 1 to 2^31, or `Infinity` for no limit. */
export interface TrackerLimits extends SwarmLimits {
  /**
   * Most announces and scrapes per second from one IPv4 address or one /64 of IPv6. Default 100.
   */
  readonly requestsPerSecPerIp?: number;
  /** Most of them in a burst. Default twice the number per second. */
  readonly requestBurstPerIp?: number;
  /** Most open HTTP connections. Default 1,000. */
  readonly maxConnections?: number;
  readonly maxConnectionsPerIp?: number;
}

/** A cluster behind one address that starts 200 torrents at once is served without refusals. */
const REQUESTS_PER_SEC_PER_IP = 100;

/** One announce may be lost, but not two. */
const FORGET_AFTER_INTERVALS = 2;

/**
 * Shortest silence after which a peer is removed. Clients announce less often than a tracker with a
 * short interval requests: libtorrent at most every 300 s, rtorrent every 600 s, and some always
 * use the usual 1,800 s. This is one and a half times that, so a late announce still counts. A peer
 * that announces `stopped` is removed at once.
 */
const LEAST_FORGET_AFTER_SEC = 2_700;

/** Shortest interval between scans for silent peers when counters are read. */
const SWEEP_EVERY_MS = 1_000;

/** How early a client that needs peers may announce again. */
const MIN_INTERVAL_SEC = 60;

export interface TrackerOptions {
  readonly intervalSec: number;
  /** Info hashes that are served (20 raw bytes each); absent: all. */
  readonly whitelist?: readonly Uint8Array[];
  readonly limits?: TrackerLimits;
  /** A number 0 ≤ x < 1. */
  readonly random: () => number;
  readonly nowMs: number;
}

/** What a tracker has done since its start, and its present state. */
export interface TrackerServerStats {
  readonly uptimeSec: number;
  readonly torrents: number;
  readonly peers: number;
  readonly seeds: number;
  /** Downloads finished since the start; one that is reported repeatedly counts once. */
  readonly completed: number;
  readonly announces: { readonly http: number; readonly udp: number };
  readonly scrapes: { readonly http: number; readonly udp: number };
  /** UDP connection ids issued. */
  readonly connects: number;
  readonly refused: {
    /** Requests from addresses above their rate limit. */
    readonly tooFast: number;
    /** Announces and scrapes of torrents that are not on the whitelist. */
    readonly notListed: number;
    /** Announces that got a reply, but whose peer was not added for lack of room. */
    readonly full: number;
    /** Invalid requests. */
    readonly malformed: number;
    /** UDP requests without a connection id of ours. */
    readonly badConnectionId: number;
  };
}

export type Protocol = 'http' | 'udp';

/** The failure reason for `not-listed`. */
export const NOT_LISTED = 'this torrent is not on the list of this tracker';

/** Why a request is refused. */
export type Refusal = 'too-fast' | 'not-listed';

export class Tracker {
  readonly intervalSec: number;
  /** Sent as `min interval`. */
  readonly minIntervalSec: number;
  private readonly registry: SwarmRegistry;
  private readonly gate: RateGate;
  private readonly whitelist: Set<string> | undefined;
  private readonly startedMs: number;
  private readonly announces = { http: 0, udp: 0 };
  private readonly scrapes = { http: 0, udp: 0 };
  private readonly refused = {
    tooFast: 0,
    notListed: 0,
    full: 0,
    malformed: 0,
    badConnectionId: 0,
  };
  private connects = 0;
  private nextSweepMs = -Infinity;

  constructor({ intervalSec, whitelist, limits = {}, random, nowMs }: TrackerOptions) {
    this.intervalSec = intervalSec;
    this.minIntervalSec = Math.min(intervalSec, MIN_INTERVAL_SEC);
    const forgetAfterSec = Math.max(FORGET_AFTER_INTERVALS * intervalSec, LEAST_FORGET_AFTER_SEC);
    this.registry = new SwarmRegistry({ forgetAfterMs: forgetAfterSec * 1000, random, limits });
    const perSec = limits.requestsPerSecPerIp ?? REQUESTS_PER_SEC_PER_IP;
    this.gate = new RateGate({
      perSec,
      burst: Math.max(1, limits.requestBurstPerIp ?? 2 * perSec),
      seeds: [random32(random), random32(random)],
    });
    this.whitelist = whitelist && new Set(whitelist.map(keyOf));
    this.startedMs = nowMs;
  }

  /** Whether this address is within its rate limit; counts the request. */
  mayAsk(address: Uint8Array, nowMs: number): boolean {
    const allowed = this.gate.allow(address, nowMs);
    if (!allowed) this.refused.tooFast += 1;
    return allowed;
  }

  announce(protocol: Protocol, announce: ReceivedAnnounce, nowMs: number): SwarmAnswer | Refusal {
    if (!this.mayAsk(announce.address, nowMs)) return 'too-fast';
    if (!this.isListed(announce.infoHash)) return this.notListed();
    this.announces[protocol] += 1;
    const answer = this.registry.announce(announce, nowMs);
    if (answer.full) this.refused.full += 1;
    return answer;
  }

  /** Counts of each hash, zeros where a torrent is unknown or not served. */
  scrape(
    protocol: Protocol,
    infoHashes: readonly Uint8Array[],
    address: Uint8Array,
    nowMs: number,
  ): Required<ScrapeCounts>[] | 'too-fast' {
    if (!this.mayAsk(address, nowMs)) return 'too-fast';
    this.scrapes[protocol] += 1;
    return infoHashes.map((hash) => this.registry.scrape(hash, nowMs));
  }

  /** Adds a torrent to the whitelist, if there is one. */
  allow(infoHash: Uint8Array): void {
    this.whitelist?.add(keyOf(infoHash));
  }

  connected(): void {
    this.connects += 1;
  }

  malformed(): void {
    this.refused.malformed += 1;
  }

  badConnectionId(): void {
    this.refused.badConnectionId += 1;
  }

  /** O(1), except for the first call in a second, which scans all torrents for silent peers. */
  stats(nowMs: number): TrackerServerStats {
    if (nowMs >= this.nextSweepMs) {
      this.nextSweepMs = nowMs + SWEEP_EVERY_MS;
      this.registry.expire(nowMs);
    }
    return {
      uptimeSec: Math.floor((nowMs - this.startedMs) / 1000),
      torrents: this.registry.torrentCount,
      peers: this.registry.peerCount,
      seeds: this.registry.seedCount,
      completed: this.registry.completedCount,
      announces: { ...this.announces },
      scrapes: { ...this.scrapes },
      connects: this.connects,
      refused: { ...this.refused },
    };
  }

  private isListed(infoHash: Uint8Array): boolean {
    return this.whitelist === undefined || this.whitelist.has(keyOf(infoHash));
  }

  private notListed(): 'not-listed' {
    this.refused.notListed += 1;
    return 'not-listed';
  }
}

function keyOf(infoHash: Uint8Array): string {
  return Buffer.from(infoHash.buffer, infoHash.byteOffset, infoHash.length).toString('latin1');
}

function random32(random: () => number): number {
  return Math.floor(random() * 2 ** 32) >>> 0;
}
