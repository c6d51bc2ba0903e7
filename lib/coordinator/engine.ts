// What every handler receives: the state, and the outlets by which the coordinator acts on threads,
// disks, trackers and the app. Specs pass their own clock, random numbers and outlets.

import { recordOf } from '../errors/millrace-error';
import type { BlockTable, GenerationCounter } from '../memory/block-table';
import type { UnitTable } from '../memory/slab-owner';
import type { EngineEvent, LogFields } from '../messages/control';
import type { PeerOrder } from '../messages/peer-thread';
import type { LogLevel } from '../text/log-levels';
import type { VerifyJob, VerifyResult } from '../messages/verify';
import type { AnnounceReply, AnnounceRequest } from '../tracker/announce';
import type { Clock } from './outlets/clock';
import type { Disk } from './outlets/disk';
import type { Answer, Happening } from './happenings';
import type { EngineState } from './engine-state';
import type { KnownTorrent, TorrentState } from './state';

/** The verify pool, as the coordinator uses it. */
export interface VerifyOutlet {
  /** Number of jobs in flight that keeps all workers busy. */
  readonly maxJobs: number;
  submit(job: VerifyJob, priority: 'live' | 'sync' | 'background'): Promise<VerifyResult>;
  /** Makes workers close their handles to the files of removed torrents. */
  closeHandles(): void;
}

/**
 * The block table as the coordinator sees it. Peer threads claim and publish in it at any moment, so what it
 * answers is read like a clock.
 */
export type TableOutlet = UnitTable & Pick<BlockTable, 'stateOf' | 'ownerOf' | 'reclaimThread'>;

/**
 * All that the coordinator does to the world, and all that it reads of it. A run depends on nothing but these
 * and what happens (`happen`, `control.ts`).
 */
export interface Outlets {
  readonly table: TableOutlet;
  readonly verify: VerifyOutlet;
  readonly disk: Disk;
  readonly clock: Clock;
  /** Queues an order for a peer thread. */
  order(thread: number, order: PeerOrder): void;
  emit(event: EngineEvent): void;
  log(level: LogLevel, message: string, fields?: LogFields): void;
  /** Sends an announce to a tracker; the signal cancels it. */
  announce(url: string, request: AnnounceRequest, signal: AbortSignal): Promise<AnnounceReply>;
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** A random number in [0, 1). */
  random(): number;
  /**
   * Queues a dial: `dial` is called when a slot is free, and counts as half open until it settles.
   */
  paceDial(dial: () => Promise<void>): void;
  /** Queues an announce: `announce` is called when a slot for this tracker is free. */
  paceAnnounce(announce: () => Promise<void>, url: string): void;
  /** Schedules a tick at `atMs`, or up to 250 ms later; `Infinity` schedules none. */
  tickBy(atMs: number): void;
}

export interface Engine extends Outlets {
  readonly state: EngineState;
  readonly generations: GenerationCounter;
  /** What changed during this turn; acted on once, at its end. */
  readonly turn: Turn;
  /**
   * Passes a happening to the loop. Its handler has run when this returns, unless the call comes
   * from within another handler: then it runs after that one.
   */
  happen(happening: Happening): void;
}

/** Marks that handlers set for the end of the turn. */
export interface Turn {
  /** Memory, blocks or peers became free: hungry sources may get leases. */
  feed: boolean;
  /** Torrents with newly filled or newly verified pieces. */
  readonly touched: Set<KnownTorrent>;
  /** Torrents whose figures are sent to the app now instead of with the next tick. */
  readonly stats: Set<TorrentState>;
  /** Torrents whose upload slots are reassigned at the end of the turn. */
  readonly rechoke: Set<TorrentState>;
}

/** Waits for asynchronous work and posts its answer to the loop as a happening. */
export function ask<Value>(
  engine: Engine,
  work: Promise<Value>,
  happening: (answer: Answer<Value>) => Happening,
): void {
  void answerOf(work).then((answer) => engine.happen(happening(answer)));
}

/** Never rejects. */
export function answerOf<Value>(work: Promise<Value>): Promise<Answer<Value>> {
  return work.then(
    (value) => ({ value }),
    (error: unknown) => ({ error: recordOf(error) }),
  );
}
