// The messages of a peer connection (BEP 3, BEP 6, BEP 10). Only types and ids.

/** Message ids on the wire. Those from 13 to 17 belong to the fast extension (BEP 6). */
export const MESSAGE_ID = {
  choke: 0,
  unchoke: 1,
  interested: 2,
  notInterested: 3,
  have: 4,
  bitfield: 5,
  request: 6,
  piece: 7,
  cancel: 8,
  port: 9,
  suggestPiece: 13,
  haveAll: 14,
  haveNone: 15,
  rejectRequest: 16,
  allowedFast: 17,
  extended: 20,
} as const;

/** Every message but `piece`, whose bytes travel apart (see `WireSink.onBlock`). */
export type WireMessage =
  /** Length 0, no id: the connection is alive. */
  | { readonly type: 'keep-alive' }
  /** The sender will not answer requests until it unchokes. */
  | { readonly type: 'choke' }
  /** The sender will answer requests. */
  | { readonly type: 'unchoke' }
  /** The sender wants pieces that the receiver has. */
  | { readonly type: 'interested' }
  /** The sender wants no piece that the receiver has. */
  | { readonly type: 'not-interested' }
  /** The sender has verified this piece. */
  | { readonly type: 'have'; readonly piece: number }
  /** All pieces of the sender, high bit of byte 0 first. Valid only until the callback returns. */
  | { readonly type: 'bitfield'; readonly bits: Uint8Array }
  /** Requests a block. `begin` is a byte offset within the piece, `lengthBytes` a byte count. */
  | {
      readonly type: 'request';
      readonly piece: number;
      readonly begin: number;
      readonly lengthBytes: number;
    }
  /** Withdraws a request. */
  | {
      readonly type: 'cancel';
      readonly piece: number;
      readonly begin: number;
      readonly lengthBytes: number;
    }
  /** In place of a bitfield: the sender has every piece (BEP 6). */
  | { readonly type: 'have-all' }
  /** In place of a bitfield: the sender has no piece (BEP 6). */
  | { readonly type: 'have-none' }
  /** The sender recommends to download this piece from it (BEP 6). */
  | { readonly type: 'suggest'; readonly piece: number }
  /** The sender will not answer this request (BEP 6). */
  | {
      readonly type: 'reject';
      readonly piece: number;
      readonly begin: number;
      readonly lengthBytes: number;
    }
  /** The sender answers requests for this piece even while it chokes, if it has it (BEP 6). */
  | { readonly type: 'allowed-fast'; readonly piece: number }
  /** UDP port of the sender's DHT node (BEP 5). */
  | { readonly type: 'port'; readonly port: number }
  /** BEP 10 envelope: id 0 is the extended handshake. Payload valid only until the callback returns. */
  | { readonly type: 'extended'; readonly id: number; readonly payload: Uint8Array }
  /** An id that we do not know; ignored, as BEP 3's successors expect. */
  | { readonly type: 'unknown'; readonly id: number; readonly lengthBytes: number };

/** The length field that every message begins with. It counts what follows it. */
export const LENGTH_FIELD_BYTES = 4;
/** Length and id: what stands before the payload. */
export const HEADER_LENGTH_BYTES = LENGTH_FIELD_BYTES + 1;
/** Piece and begin: what stands before the block in the payload of `piece`. */
const PLACE_LENGTH_BYTES = 4 + 4;
/** What stands before the block in a `piece` message. */
export const PIECE_HEADER_LENGTH_BYTES = HEADER_LENGTH_BYTES + PLACE_LENGTH_BYTES;
/** Piece, begin and length: the payload of `request`, `cancel` and `reject request`. */
export const BLOCK_FIELDS_LENGTH_BYTES = PLACE_LENGTH_BYTES + 4;

/** What the decoder calls. */
export interface WireSink {
  /** One complete message. Its views are valid only during the call. */
  onMessage(message: WireMessage): void;
  /** One complete block: `bytes.subarray(start, end)` is its payload during the call. */
  onBlock(piece: number, begin: number, bytes: Uint8Array, start: number, end: number): void;
}

/** The first message of either side (BEP 3): 68 bytes. */
export interface Handshake {
  readonly infoHash: Uint8Array;
  readonly peerId: Uint8Array;
  readonly reserved: Uint8Array;
}

/** The parts of a BEP 10 extended handshake that we send and read. */
export interface ExtendedHandshake {
  /** Extension name → the id that the sender of this handshake wants to receive it under; 0 disables. */
  readonly extensions: Readonly<Record<string, number>>;
  /** `v`: client name and version. */
  readonly client?: string;
  /** `p`: TCP port the sender listens on. */
  readonly listenPort?: number;
  /** `reqq`: outstanding requests the sender accepts without dropping any. */
  readonly requestQueue?: number;
  /** `yourip`: the receiver's address as the sender sees it, 4 or 16 raw bytes. */
  readonly yourIp?: Uint8Array;
  /** `ipv4`, `ipv6`: further addresses of the sender, 4 and 16 raw bytes. */
  readonly ipv4?: Uint8Array;
  readonly ipv6?: Uint8Array;
  /** `upload_only`: the sender wants nothing more (BEP 21). */
  readonly uploadOnly?: boolean;
  /** `complete_ago`: seconds since the sender last saw a complete copy; 0 for a seed. */
  readonly completeAgoSec?: number;
}
