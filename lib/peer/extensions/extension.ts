// The interface between a session and an extension of the protocol (BEP 10). Only types. An
// extension is one file in this folder and one line in `list.ts`.

import type { BencodeDictionary } from '../../bencode/value';
import type { Encodable } from '../../bencode/encode';
import type { OrderOf, PeerFact } from '../../messages/peer-thread';
import type { SwarmList } from '../swarm-list';

/** The orders of the coordinator that extensions carry out; each gets all of them. */
export type ExtensionOrder =
  | OrderOf<'request-metadata'>
  | OrderOf<'torrent-info'>
  | OrderOf<'torrent-private'>
  | OrderOf<'upload-only'>;

/** State that all sessions of a torrent share, besides its content (BEP 9, BEP 21). */
export interface TorrentInfo {
  /** Served to peers; undefined while it is not known, and of private torrents. */
  readonly bytes: Uint8Array | undefined;
  /** The coordinator does not know the torrent's metadata and fetches it from peers. */
  readonly wanted: boolean;
  /** We want nothing more of the torrent (BEP 21). Default false. */
  readonly uploadOnly?: boolean;
}

/** One extension in one conversation. */
export interface Extension {
  /** Its key in the `m` of the extended handshake, such as `ut_metadata`. */
  readonly name: string;
  /** Longest payload that a peer may send; one that is longer closes it with `message-too-long`. */
  readonly maxMessageBytes: number;
  /**
   * Its part of our extended handshake, besides its id. Its keys must not be used by others. Read for
   * each handshake: see `ExtensionPeer.greet`.
   */
  readonly handshakePart?: Readonly<Record<string, Encodable>>;
  /** It has ended: later handshakes withdraw it (BEP 10: its id is 0). Default false. */
  readonly isOver?: boolean;
  /** When `endTurn` should be called even if nothing has happened; Infinity or absent: never. */
  readonly dueMs?: number;
  /**
   * The peer's extended handshake arrived, for the first time or again; `peer.accepts` is up to
   * date. The dictionary is a view of the read buffer: it is valid only during the call.
   */
  onHandshake?(handshake: BencodeDictionary): void;
  /**
   * A message from the peer, valid only during the call. Returns true if it contained something new
   * or requested: it is then free of charge, like a block. Throws a MillraceError with a close
   * reason as its code. Must be bounded in time and memory for any payload.
   */
  onMessage(payload: Uint8Array, nowMs: number): boolean;
  /** An order of the coordinator. Called for all orders, also those for other extensions. */
  onOrder?(order: ExtensionOrder): void;
  /** Called at the end of each turn of the session, and so after every read: must be cheap. */
  endTurn?(nowMs: number): void;
  /** It waits for `onSent`, because what it has written is long. */
  readonly isSending?: boolean;
  /** All that was written so far has been taken by the system. */
  onSent?(nowMs: number): void;
}

/** The peer, as seen by an extension. */
export interface ExtensionPeer {
  /** The number of the connection, as in facts. */
  readonly connection: number;
  /** Its address, and the port of its end of the connection. */
  readonly host: string;
  readonly port: number;
  /** The peers for peer exchange (BEP 11); undefined for a private torrent (BEP 27). */
  readonly swarm: SwarmList | undefined;
  /**
   * The peer currently accepts messages of this extension: the last id that it sent for it was not
   * 0.
   */
  readonly accepts: boolean;
  /**
   * Queues a copy of a message. Returns false, and sends nothing, if the peer does not accept it.
   */
  send(payload: Uint8Array): boolean;
  /** Sends a fact to the coordinator. */
  fact(fact: PeerFact): void;
  /** The state of the torrent; changes while the session runs. */
  readonly info: TorrentInfo;
  /** The peer no longer has the piece (BEP 54). Throws `bad-piece-index`. */
  lost(piece: number): void;
  /** Sends our extended handshake again (BEP 10), because a part of it has changed. */
  greet(): void;
}

/** Called once per conversation. Undefined: this conversation does without the extension. */
export type MakeExtension = (peer: ExtensionPeer) => Extension | undefined;
