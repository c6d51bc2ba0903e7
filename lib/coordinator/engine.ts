// What every handler is given: the state, and the ways in which the coordinator acts on threads, disks,
// trackers and the app. Specs hand in their own clock, dice and outlets.

import { recordOf } from '../errors/millrace-error';
import type { BlockTable, GenerationCounter } from '../memory/block-table';
import type { EngineEvent, LogLevel } from '../messages/control';
import type { PeerOrder } from '../messages/peer-thread';
import type { VerifyJob, VerifyResult } from '../messages/verify';
import type { AnnounceReply, AnnounceRequest } from '../tracker/announce';
import type { Clock } from './clock';
import type { Disk } from './disk';
import type { Answer, Happening } from './happenings';
import type { EngineState, TorrentState } from './state';

/** The verify pool as the coordinator sees it. */
export interface VerifyOutlet {
  /** Jobs that keep all workers busy. */
  readonly maxJobs: number;
  submit(job: VerifyJob, priority: 'live' | 'sync' | 'background'): Promise<VerifyResult>;
  /** Tells workers to close the files of torrents that are gone. */
  closeHandles(): void;
}

export interface Engine {
  readonly state: EngineState;
  readonly table: BlockTable;
  readonly generations: GenerationCounter;
  readonly verify: VerifyOutlet;
  readonly disk: Disk;
  readonly clock: Clock;
  /** Queues an order for a peer thread. */
  order(thread: number, order: PeerOrder): void;
  emit(event: EngineEvent): void;
  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** Asks a tracker; the signal ends the waiting. */
  announce(url: string, request: AnnounceRequest, signal: AbortSignal): Promise<AnnounceReply>;
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** [0, 1) */
  random(): number;
  /** Paces dials: calls `dial` when its turn comes and counts it as half open until it settles. */
  paceDial(dial: () => Promise<void>): void;
  /** Runs `announce` when the turn of this tracker comes: no tracker is asked too much at one time. */
  paceAnnounce(announce: () => Promise<void>, url: string): void;
  /** What changed in this turn, acted on once at its end. */
  readonly turn: Turn;
  /** Has `onTick` called at that time, or up to 250 ms later; `Infinity` asks for nothing. */
  tickBy(atMs: number): void;
  /** Hands something that happened to the loop; its handler has run when this returns, but inside of another. */
  happen(happening: Happening): void;
}

/** Marks that handlers leave for the end of the turn. */
export interface Turn {
  /** Memory, blocks or peers came free: hungry peers may be fed. */
  feed: boolean;
  /** Torrents with filled pieces or newly verified ones. */
  readonly touched: Set<TorrentState>;
  /** Torrents whose figures go to the app at once, not with the next tick. */
  readonly stats: Set<TorrentState>;
  /** Torrents whose upload slots are assigned anew at the end of the turn. */
  readonly rechoke: Set<TorrentState>;
}

/** Has others do something; what becomes of it happens to the coordinator. */
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
