// The messages of `ut_metadata` (BEP 9), inside an extended message: a bencoded dictionary, which the bytes
// of a metadata piece may follow. Metadata is the info dictionary of a torrent.

import { decodePrefix } from '../bencode/decode';
import { encode } from '../bencode/encode';
import { BencodeDictionary } from '../bencode/value';
import type { BencodeValue } from '../bencode/value';
import { MillraceError } from '../errors/millrace-error';

/** Metadata is sent in pieces of 16 KiB; the last one may be shorter. */
export const METADATA_PIECE_BYTES = 16_384;

/**
 * Longest payload: a piece, and 1 KiB for its dictionary. The dictionary of libtorrent, the longest in use,
 * has 50 bytes.
 */
export const MAX_METADATA_MESSAGE_BYTES = METADATA_PIECE_BYTES + 1024;

/** Values of `msg_type`. */
const MESSAGE_TYPE = { request: 0, data: 1, reject: 2 } as const;
/** Highest piece index that is read. The receiver checks whether the piece exists. */
const MAX_PIECE = 2 ** 31 - 1;
// The dictionary has three integers; a few more are future extensions, a hundred are abuse.
const DECODE_LIMITS = { maxDepth: 4, maxItems: 100 };

export type MetadataMessage =
  /** Requests a piece of the metadata. Answered by `data` or `reject`. */
  | { readonly type: 'request'; readonly piece: number }
  /** A piece. `totalBytes`: the length of the whole metadata; undefined if the sender left it out. */
  | {
      readonly type: 'data';
      readonly piece: number;
      readonly totalBytes: number | undefined;
      /** When decoded: a view of the payload. */
      readonly bytes: Uint8Array;
    }
  /** The sender does not serve this piece. */
  | { readonly type: 'reject'; readonly piece: number };

/** Number of pieces of metadata of this length. */
export function metadataPieceCount(totalBytes: number): number {
  return Math.ceil(totalBytes / METADATA_PIECE_BYTES);
}

/** Length of a piece; 0 for one that the metadata does not have. */
export function metadataPieceLength(totalBytes: number, piece: number): number {
  return Math.max(0, Math.min(METADATA_PIECE_BYTES, totalBytes - piece * METADATA_PIECE_BYTES));
}

export function encodeMetadataMessage(message: MetadataMessage): Uint8Array {
  const { type, piece } = message;
  const fields = { msg_type: MESSAGE_TYPE[type], piece };
  if (message.type !== 'data') return encode(fields);
  const head = encode({ ...fields, total_size: message.totalBytes });
  const payload = new Uint8Array(head.length + message.bytes.length);
  payload.set(head);
  payload.set(message.bytes, head.length);
  return payload;
}

/**
 * Undefined for a message of another type, which BEP 9 says to ignore. Throws MillraceError
 * `bad-extended-message` if the payload does not begin with a dictionary that has an integer `msg_type` and,
 * for a known type, a `piece` from 0 to 2^31 - 1.
 */
export function decodeMetadataMessage(payload: Uint8Array): MetadataMessage | undefined {
  const { fields, end } = headOf(payload);
  const messageType = fields.integer('msg_type');
  if (messageType === undefined) throw bad('it has no integer "msg_type"');
  const type = typeOf(messageType);
  if (type === undefined) return undefined;
  const piece = fields.integer('piece');
  if (piece === undefined || piece < 0 || piece > MAX_PIECE)
    throw bad(`its "piece" is not a number from 0 to ${MAX_PIECE}`);
  if (type !== 'data') return { type, piece };
  return { type, piece, totalBytes: fields.integer('total_size'), bytes: payload.subarray(end) };
}

function typeOf(messageType: number): MetadataMessage['type'] | undefined {
  switch (messageType) {
    case MESSAGE_TYPE.request:
      return 'request';
    case MESSAGE_TYPE.data:
      return 'data';
    case MESSAGE_TYPE.reject:
      return 'reject';
    default:
      return undefined;
  }
}

function headOf(payload: Uint8Array): { fields: BencodeDictionary; end: number } {
  let value: BencodeValue;
  let end: number;
  try {
    ({ value, end } = decodePrefix(payload, 0, DECODE_LIMITS));
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    throw bad(error.message);
  }
  if (!(value instanceof BencodeDictionary)) throw bad('it does not begin with a dictionary');
  return { fields: value, end };
}

function bad(why: string): MillraceError {
  return new MillraceError(
    'bad-extended-message',
    `a message of ut_metadata is malformed (BEP 9): ${why}`,
  );
}
