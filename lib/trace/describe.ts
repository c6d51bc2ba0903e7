// Messages and decisions as text: a name, then `key=value`. Foreign text is quoted, and cannot move
// a cursor or fake a line.

import { formatAddress } from '../address/text';
import { MillraceError } from '../errors/millrace-error';
import { CLOSE_REASONS } from '../messages/close-reasons';
import type { CloseReason } from '../messages/close-reasons';
import type { PeerFact, WhyReturned } from '../messages/peer-thread';
import { toHex } from '../bytes/hex';
import { decodeExtendedHandshake } from '../wire/extended-handshake';
import {
  HANDSHAKE_LENGTH_BYTES,
  handshakeFields,
  supportsExtensions,
  supportsFast,
} from '../wire/handshake';
import {
  BLOCK_FIELDS_LENGTH_BYTES,
  HEADER_LENGTH_BYTES,
  LENGTH_FIELD_BYTES,
  MESSAGE_ID,
  PIECE_HEADER_LENGTH_BYTES,
} from '../wire/messages';
import { decodeMetadataMessage } from '../wire/metadata-message';
import type { MetadataMessage } from '../wire/metadata-message';
import { decodePeerExchange } from '../wire/peer-exchange';
import { readUint32 } from '../wire/uint32';
import type { Segment } from './splitter';

/** In effect no limit: a traced message has room for fewer peers. */
const ALL_PEERS = { maxAdded: 10_000, maxDropped: 10_000 };

/** Everything except printable ASCII. */
const UNPRINTABLE = /[^\x20-\x7e]/g;

/** The messages with the three fields of a block, and without the block. */
const BLOCK_MESSAGES = {
  [MESSAGE_ID.request]: 'request',
  [MESSAGE_ID.cancel]: 'cancel',
  [MESSAGE_ID.rejectRequest]: 'reject',
} as const;

const WHY_RETURNED: Readonly<Record<WhyReturned, string>> = {
  late: 'not answered in time',
  silent: 'nothing came from the peer',
  choked: 'the peer chokes us',
  rejected: 'the peer rejected it',
};

/** The text of a segment; undefined for one that continues an earlier one. */
export function describeSegment(segment: Segment): string | undefined {
  if (segment.kind === 'rest') return undefined;
  const bytes = segment.bytes.subarray(0, segment.keptBytes);
  const cameBytes = segment.keptBytes + segment.cutBytes;
  if (segment.kind === 'handshake') return describeHandshake(bytes);
  if (cameBytes < LENGTH_FIELD_BYTES) return `unfinished bytes=${cameBytes}`;
  const lengthBytes = readUint32(bytes, 0);
  if (lengthBytes === 0) return 'keep-alive';
  const text = describeMessage(bytes, lengthBytes);
  const sentBytes = cameBytes - LENGTH_FIELD_BYTES;
  return sentBytes < lengthBytes ? `${text} (${sentBytes} of its bytes)` : text;
}

function describeHandshake(bytes: Uint8Array): string {
  if (bytes.length < HANDSHAKE_LENGTH_BYTES) return `unfinished handshake bytes=${bytes.length}`;
  const { infoHash, peerId, reserved } = handshakeFields(bytes);
  const extensions = supportsExtensions(reserved) ? ' extensions' : '';
  const fast = supportsFast(reserved) ? ' fast' : '';
  const shownId = quoted(Buffer.from(peerId).toString('latin1'));
  return `handshake info_hash=${toHex(infoHash)} peer_id=${shownId} reserved=${toHex(reserved)}${extensions}${fast}`;
}

/** `lengthBytes`: the message's length field, 1 or more. */
function describeMessage(bytes: Uint8Array, lengthBytes: number): string {
  const id = bytes[LENGTH_FIELD_BYTES];
  const fields = bytes.length - HEADER_LENGTH_BYTES;
  switch (id) {
    case undefined:
      return `unfinished length=${lengthBytes}`;
    case MESSAGE_ID.choke:
      return 'choke';
    case MESSAGE_ID.unchoke:
      return 'unchoke';
    case MESSAGE_ID.interested:
      return 'interested';
    case MESSAGE_ID.notInterested:
      return 'not-interested';
    case MESSAGE_ID.have:
      return fields < 4 ? 'have' : `have piece=${readUint32(bytes, HEADER_LENGTH_BYTES)}`;
    case MESSAGE_ID.bitfield:
      return `bitfield ${describeBits(bytes.subarray(HEADER_LENGTH_BYTES), lengthBytes - 1)}`;
    case MESSAGE_ID.haveAll:
      return 'have-all';
    case MESSAGE_ID.haveNone:
      return 'have-none';
    case MESSAGE_ID.suggestPiece:
      return fields < 4 ? 'suggest' : `suggest piece=${readUint32(bytes, HEADER_LENGTH_BYTES)}`;
    case MESSAGE_ID.allowedFast:
      return fields < 4
        ? 'allowed-fast'
        : `allowed-fast piece=${readUint32(bytes, HEADER_LENGTH_BYTES)}`;
    case MESSAGE_ID.request:
    case MESSAGE_ID.cancel:
    case MESSAGE_ID.rejectRequest: {
      const name = BLOCK_MESSAGES[id];
      if (fields < BLOCK_FIELDS_LENGTH_BYTES) return name;
      return `${name} ${describePlace(bytes)} length=${readUint32(bytes, PIECE_HEADER_LENGTH_BYTES)}`;
    }
    case MESSAGE_ID.piece:
      if (bytes.length < PIECE_HEADER_LENGTH_BYTES) return 'piece';
      return `piece ${describePlace(bytes)} length=${LENGTH_FIELD_BYTES + lengthBytes - PIECE_HEADER_LENGTH_BYTES}`;
    case MESSAGE_ID.port:
      return fields < 2 ? 'port' : `port port=${((bytes[5] ?? 0) << 8) | (bytes[6] ?? 0)}`;
    case MESSAGE_ID.extended:
      return describeExtended(bytes, lengthBytes);
    default:
      return `unknown id=${id} length=${lengthBytes}`;
  }
}

function describePlace(bytes: Uint8Array): string {
  return `piece=${readUint32(bytes, HEADER_LENGTH_BYTES)} begin=${readUint32(bytes, HEADER_LENGTH_BYTES + 4)}`;
}

function describeBits(bits: Uint8Array, allBytes: number): string {
  if (bits.length < allBytes) return `bytes=${allBytes}`;
  let set = 0;
  for (const byte of bits) for (let left = byte; left !== 0; left &= left - 1) set++;
  return `set=${set} bytes=${allBytes}`;
}

function describeExtended(bytes: Uint8Array, lengthBytes: number): string {
  const id = bytes[5];
  if (id === undefined) return 'extended';
  const isWhole = bytes.length === LENGTH_FIELD_BYTES + lengthBytes;
  if (id !== 0)
    return (
      describeMetadata(bytes, lengthBytes) ??
      describeExchange(bytes.subarray(6)) ??
      describeOther(id, lengthBytes)
    );
  if (!isWhole) return describeOther(id, lengthBytes);
  try {
    const handshake = decodeExtendedHandshake(bytes.subarray(6));
    const offers = Object.entries(handshake.extensions).map(([name, code]) => `${name}:${code}`);
    const fields = [
      handshake.client === undefined ? '' : ` client=${quoted(handshake.client)}`,
      handshake.listenPort === undefined ? '' : ` port=${handshake.listenPort}`,
      handshake.requestQueue === undefined ? '' : ` reqq=${handshake.requestQueue}`,
      handshake.uploadOnly === undefined ? '' : ` upload_only=${handshake.uploadOnly ? 1 : 0}`,
      handshake.completeAgoSec === undefined ? '' : ` complete_ago=${handshake.completeAgoSec}`,
      addressField('yourip', handshake.yourIp),
      addressField('ipv4', handshake.ipv4),
      addressField('ipv6', handshake.ipv6),
      offers.length === 0 ? '' : ` offers=${quoted(offers.join(' '))}`,
    ];
    return `extended-handshake${fields.join('')}`;
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    return `extended-handshake bad=${quoted(error.message)}`;
  }
}

function describeOther(id: number, lengthBytes: number): string {
  return `extended id=${id} length=${lengthBytes - 2}`;
}

/**
 * A message of `ut_metadata` (BEP 9), recognised by its keys, because the receiver chooses its id. Undefined for
 * another message, or if the dictionary is cut off.
 */
function describeMetadata(bytes: Uint8Array, lengthBytes: number): string | undefined {
  const payload = bytes.subarray(6);
  let message: MetadataMessage | undefined;
  try {
    message = decodeMetadataMessage(payload);
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
  }
  if (message === undefined) return undefined;
  const text = `ut_metadata ${message.type} piece=${message.piece}`;
  if (message.type !== 'data') return text;
  const size = message.totalBytes === undefined ? '' : ` total_size=${message.totalBytes}`;
  const headBytes = payload.length - message.bytes.length;
  return `${text}${size} length=${lengthBytes - 2 - headBytes}`;
}

/** A message of `ut_pex` (BEP 11), also recognised by its keys. */
function describeExchange(payload: Uint8Array): string | undefined {
  try {
    const { added, dropped } = decodePeerExchange(payload, ALL_PEERS);
    const isNone = added.length + dropped.length === 0;
    return isNone ? undefined : `ut_pex added=${added.length} dropped=${dropped.length}`;
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    return undefined;
  }
}

function addressField(name: string, packed: Uint8Array | undefined): string {
  const text = packed && formatAddress(packed);
  return text === undefined ? '' : ` ${name}=${text}`;
}

/** The text of a fact that is a decision of our session or its reason; else undefined. */
export function describeFact(fact: PeerFact): string | undefined {
  switch (fact.type) {
    case 'appetite': {
      const rate = Math.round(fact.rateBytesPerSec);
      return `wants blocks=${fact.creditBlocks} since the peer's last unchoke, rate=${rate} B/s`;
    }
    case 'lease-done':
      return `has ${describeRun(fact)}`;
    case 'lease-returned':
      return `gives back ${describeRun(fact)}: ${WHY_RETURNED[fact.why]}`;
    case 'peer-choke':
      return fact.choked ? 'requests nothing more: the peer choked us' : 'may request';
    default:
      return undefined;
  }
}

function describeRun(run: {
  readonly piece: number;
  readonly firstBlock: number;
  readonly blockCount: number;
}): string {
  return `piece=${run.piece} blocks=${run.firstBlock}-${run.firstBlock + run.blockCount - 1}`;
}

/** The end of a connection: its code, the rule, and details. */
export function describeEnd(reason: CloseReason, detail: string): string {
  return `closed reason=${reason} rule=${quoted(CLOSE_REASONS[reason])} detail=${quoted(detail)}`;
}

function quoted(text: string): string {
  const safe = text.replace(/[\\"]/g, '\\$&');
  return `"${safe.replace(UNPRINTABLE, escaped)}"`;
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
