// What a session is given, and where it puts its output. Only types.

import type { Bitfield } from '../bytes/bitfield';
import type { BlockTable } from '../memory/block-table';
import type { Slab } from '../memory/slab';
import type { CloseReason } from '../messages/close-reasons';
import type { PeerFact, PeerThreadLimits } from '../messages/peer-thread';
import type { Geometry } from '../metainfo/geometry';
import type { WireWriter } from '../wire/encoder';
import type { MakeExtension } from './extensions/extension';

/** What becomes of a request that is not served: silence (BEP 3), or a reject message (BEP 6). */
export type Refusal = 'ignore' | 'reject';

/** Where a session puts its output. Called synchronously from within its methods. */
export interface SessionOutput {
  /** Something for the coordinator. */
  fact(fact: PeerFact): void;
  /** The serving queue holds requests; called at most once a turn. */
  serve(): void;
  /** The conversation is over; called once, and nothing else is called after it. */
  close(reason: CloseReason, detail: string): void;
}

/** The limits that concern one conversation. */
export type SessionLimits = Pick<
  PeerThreadLimits,
  'requestTimeoutMs' | 'idleTimeoutMs' | 'keepAliveMs' | 'requestQueue'
>;

/** What is transferred: known with the metainfo. */
export interface SessionContent {
  readonly geometry: Geometry;
  /** Our verified pieces; the coordinator writes it, the session only reads. */
  readonly have: Bitfield;
}

export interface SessionOptions {
  /** This connection's number, as all facts name it. */
  readonly connection: number;
  /** The thread that it runs in; the block table notes which thread writes. */
  readonly thread: number;
  /** Undefined: the metainfo is not known yet, and `open` brings it. */
  readonly content: SessionContent | undefined;
  readonly slab: Slab;
  readonly table: BlockTable;
  readonly limits: SessionLimits;
  /** Whether the peer's handshake announced the extension protocol (BEP 10). */
  readonly extensionProtocol: boolean;
  /** What we speak over it, beside the extended handshake; the place in the list gives the id. */
  readonly extensions: readonly MakeExtension[];
  /** What requests get that are not served; default `ignore`: the fast extension is not announced. */
  readonly refusal?: Refusal;
  /** `v` of our extended handshake. */
  readonly clientName: string;
  /** `p` of our extended handshake, where we listen. */
  readonly listenPort?: number;
  /** 32 random bits, so that hostile requests cannot aim at one bucket of the hash table. */
  readonly hashSeed: number;
  /** Collects our messages; the driver takes them after each turn. */
  readonly writer: WireWriter;
  readonly output: SessionOutput;
}
