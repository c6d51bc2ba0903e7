// The journal of a run of the coordinator: what came in, what its outlets returned, and what went
// out.

import { gunzipSync, gzipSync } from 'node:zlib';
import { readFileSync, writeFileSync } from 'node:fs';
import type { EngineSettings } from '../../../lib/messages/control';
import type { Json } from './values';

/** What the coordinator was started with. */
export interface Start {
  readonly settings: EngineSettings;
  /** Hexadecimal. */
  readonly peerId: string;
  readonly unitCount: number;
  readonly maxBytes: number;
  readonly minVerifyThreads: number;
  readonly maxJobs: number;
}

/** What makes the coordinator act. */
export type Inlet =
  /** A happening from outside: from a peer thread, a timer of the engine, a worker. */
  | readonly ['happening', Json]
  /** A call of the app, by number. */
  | readonly ['call', number, string, Json]
  /** A promise that an outlet returned settles. */
  | readonly ['settled', number, Outcome]
  /** A timer fires, or a paced dial or announce gets its turn. */
  | readonly ['turn', number];

/** What a call returned or raised. */
export type Outcome = { readonly value: Json } | { readonly raised: Json };

/**
 * The direct answer of an outlet: an outcome, a promise by its number, or a synchronous callback.
 */
export type Reply = Outcome | { readonly promise: number } | { readonly atOnce: boolean };

/** One input, and everything that followed until the next. */
export interface Step {
  readonly inlet: Inlet;
  /** True where promises of the previous step had no time to settle. */
  readonly joined: boolean;
  /** What the clock, the dice and the table answered, by question, in order. */
  readonly reads: Readonly<Record<string, readonly number[]>>;
  /** What the other outlets answered, in the order of the calls. */
  readonly replies: readonly Reply[];
  /** Orders, events, jobs and all other output, each as its text. */
  readonly out: readonly string[];
}

export interface Journal {
  readonly start: Start;
  readonly steps: readonly Step[];
}

/** A line for the start and one for each step. */
export function saveJournal(file: string, { start, steps }: Journal): void {
  const lines = [start, ...steps.map(rowOf)].map((line) => JSON.stringify(line));
  writeFileSync(file, gzipSync(lines.join('\n'), { level: 9 }));
}

export function loadJournal(file: string): Journal {
  const [start = '', ...rows] = gunzipSync(readFileSync(file)).toString().split('\n');
  return { start: JSON.parse(start) as Start, steps: rows.map((row) => stepOf(JSON.parse(row))) };
}

type Row = readonly [Inlet, boolean, Step['reads'], Step['replies'], Json[]];

function rowOf({ inlet, joined, reads, replies, out }: Step): Row {
  return [inlet, joined, reads, replies, out.map((text) => JSON.parse(text) as Json)];
}

function stepOf([inlet, joined, reads, replies, out]: Row): Step {
  return { inlet, joined, reads, replies, out: out.map((each) => JSON.stringify(each)) };
}
