// Inputs and outputs of a session. Only types.

import type { Bitfield } from '../bytes/bitfield';
import type { BlockTable } from '../memory/block-table';
import type { Slab } from '../memory/slab';
import type { CloseReason } from '../messages/close-reasons';
import type { PeerFact, PeerThreadLimits } from '../messages/peer-thread';
import type { Geometry } from '../metainfo/geometry';
import type { WireWriter } from '../wire/encoder';
import type { MakeExtension, TorrentInfo } from './extensions/extension';
import type { SwarmList } from './swarm-list';

/** Output of a session. Called synchronously from within its methods. */
export interface SessionOutput {
  /** Sends a fact to the coordinator. */
  fact(fact: PeerFact): void;
  /** The serving queue has requests; called at most once a turn. */
  serve(): void;
  /** The conversation has ended; called once, as the last call. */
  close(reason: CloseReason, detail: string): void;
}

/** The limits of one conversation. */
export type SessionLimits = Pick<
  PeerThreadLimits,
  'requestTimeoutMs' | 'idleTimeoutMs' | 'keepAliveMs' | 'requestQueue'
>;

/** What is transferred; part of the metainfo. */
export interface SessionContent {
  readonly geometry: Geometry;
  /** Our verified pieces; written by the coordinator, only read by the session. */
  readonly have: Bitfield;
  /** New sessions announce only pieces that are revealed to their peers (BEP 16). */
  readonly concealed?: boolean;
}

export interface SessionOptions {
  /** This connection's number, as in facts. */
  readonly connection: number;
  /** Number of its thread, which the block table records for writes. */
  readonly thread: number;
  /** The peer's end of the connection. */
  readonly remote: { readonly host: string; readonly port: number };
  /** The peers for peer exchange (BEP 11). Undefined for a private torrent (BEP 27). */
  readonly swarm: SwarmList | undefined;
  /** Undefined while the metainfo is unknown; `open` adds it. */
  readonly content: SessionContent | undefined;
  readonly info: TorrentInfo;
  readonly slab: Slab;
  readonly table: BlockTable;
  readonly limits: SessionLimits;
  /** Whether the peer's handshake announced the extension protocol (BEP 10). */
  readonly extensionProtocol: boolean;
  /** Our extensions besides the extended handshake; the position in the list gives the id. */
  readonly extensions: readonly MakeExtension[];
  /** Both sides announced the fast extension (BEP 6). */
  readonly fast: boolean;
  /** `v` of our extended handshake. */
  readonly clientName: string;
  /** `p` of our extended handshake, if we listen. */
  readonly listenPort?: number;
  /** 32 random bits, so that hostile requests cannot aim at one bucket of the hash table. */
  readonly hashSeed: number;
  /** Collects our messages; the driver sends them after each turn. */
  readonly writer: WireWriter;
  readonly output: SessionOutput;
}
