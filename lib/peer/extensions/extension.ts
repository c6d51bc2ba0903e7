// What an extension of the protocol (BEP 10) is to a session, and what it gets of it. Only types.
// One extension is one file in this folder and one line in `list.ts`.

import type { BencodeDictionary } from '../../bencode/value';
import type { Encodable } from '../../bencode/encode';
import type { PeerFact } from '../../messages/peer-thread';

/** One extension in one conversation. */
export interface Extension {
  /** Its key in the `m` of the extended handshake, such as `ut_metadata`. */
  readonly name: string;
  /** Longest payload that a peer may send; one that is longer closes it with `message-too-long`. */
  readonly maxMessageBytes: number;
  /** What our extended handshake says of it beside its id. Its keys must be its own. */
  readonly handshakePart?: Readonly<Record<string, Encodable>>;
  /** When its `endTurn` is wanted although nothing has happened; Infinity, or no such key: never. */
  readonly dueMs?: number;
  /**
   * The peer's extended handshake came, for the first time or again; `peer.accepts` is up to date.
   * The dictionary is a view of the read buffer: valid only until the call returns.
   */
  onHandshake?(handshake: BencodeDictionary): void;
  /**
   * A message of the peer, valid only until the call returns. True if it brought something new or
   * asked for: it is then free, as a block is. Throws MillraceError with a close reason as its code.
   * Must be bounded in time and memory whatever the payload says.
   */
  onMessage(payload: Uint8Array, nowMs: number): boolean;
  /** The end of each turn of the session. Called after every read: must be cheap. */
  endTurn?(nowMs: number): void;
}

/** The peer, as an extension sees it. */
export interface ExtensionPeer {
  /** The number of the connection, as all facts name it. */
  readonly connection: number;
  /** It takes messages of this extension now: its last word on it was an id other than 0. */
  readonly accepts: boolean;
  /** Queues a message, which is copied. False, and nothing is sent, if the peer does not accept it. */
  send(payload: Uint8Array): boolean;
  /** Something for the coordinator. */
  fact(fact: PeerFact): void;
}

/** Called once per conversation. */
export type MakeExtension = (peer: ExtensionPeer) => Extension;
