// The extended handshake (BEP 10): a bencoded dictionary with the extensions of the sender and the number
// of requests it accepts. Peers write it, so every field is optional and an invalid one is ignored.

import { MAX_PORT } from '../address/host-port';
import { decodePrefix } from '../bencode/decode';
import { encode } from '../bencode/encode';
import type { Encodable } from '../bencode/encode';
import { BencodeDictionary } from '../bencode/value';
import type { BencodeValue } from '../bencode/value';
import { MillraceError } from '../errors/millrace-error';
import { printableName } from '../text/printable';
import type { ExtendedHandshake } from './messages';

/** Id of the extended handshake inside the BEP 10 envelope. */
export const EXTENDED_HANDSHAKE_ID = 0;

/** Longest client name kept, in characters: real ones have some twenty. */
const MAX_CLIENT_CHARACTERS = 64;
// Some ten extensions are registered, under names of at most a dozen letters.
const MAX_EXTENSIONS = 64;
const MAX_EXTENSION_NAME_CHARACTERS = 64;
/** A message id is one byte. */
const MAX_EXTENSION_ID = 255;
const MAX_REQUEST_QUEUE = 2 ** 31;
const MAX_COMPLETE_AGO_SEC = 2 ** 31;
// A handshake has some thirty values; a thousand is abuse.
const DECODE_LIMITS = { maxDepth: 16, maxItems: 1024 };

/**
 * The payload of an extended message with id 0. Absent fields are left out. `parts`: what extensions
 * add under keys of their own, such as `metadata_size` (BEP 9).
 */
export function encodeExtendedHandshake(
  handshake: ExtendedHandshake,
  parts: readonly Readonly<Record<string, Encodable>>[] = [],
): Uint8Array {
  return encode({
    ...Object.assign({}, ...parts),
    complete_ago: handshake.completeAgoSec,
    ipv4: handshake.ipv4,
    ipv6: handshake.ipv6,
    m: handshake.extensions,
    p: handshake.listenPort,
    reqq: handshake.requestQueue,
    v: handshake.client,
    yourip: handshake.yourIp,
  });
}

/**
 * Decodes the peer's handshake into new memory. Fields that are missing, of another type or out of
 * range are left out; the client name is shortened to 64 characters without unprintable ones; bytes
 * after the dictionary are ignored. Throws MillraceError `bad-extended-message` if the payload is
 * not a bencoded dictionary.
 */
export function decodeExtendedHandshake(payload: Uint8Array): ExtendedHandshake {
  return extendedHandshakeOf(parseExtendedHandshake(payload));
}

/** The fields that we know, as `decodeExtendedHandshake` describes them. */
export function extendedHandshakeOf(dictionary: BencodeDictionary): ExtendedHandshake {
  const client = printableName(dictionary.text('v') ?? '', MAX_CLIENT_CHARACTERS);
  const listenPort = within(dictionary.integer('p'), 1, MAX_PORT);
  const requestQueue = within(dictionary.integer('reqq'), 1, MAX_REQUEST_QUEUE);
  const yourIp = dictionary.bytes('yourip');
  const ipv4 = dictionary.bytes('ipv4');
  const ipv6 = dictionary.bytes('ipv6');
  const uploadOnly = dictionary.integer('upload_only');
  const completeAgoSec = within(dictionary.integer('complete_ago'), 0, MAX_COMPLETE_AGO_SEC);
  return {
    extensions: extensionsOf(dictionary.dict('m')),
    ...(client === undefined ? {} : { client }),
    ...(listenPort === undefined ? {} : { listenPort }),
    ...(requestQueue === undefined ? {} : { requestQueue }),
    ...(yourIp?.length === 4 || yourIp?.length === 16 ? { yourIp: Uint8Array.from(yourIp) } : {}),
    ...(ipv4?.length === 4 ? { ipv4: Uint8Array.from(ipv4) } : {}),
    ...(ipv6?.length === 16 ? { ipv6: Uint8Array.from(ipv6) } : {}),
    ...(uploadOnly === undefined ? {} : { uploadOnly: uploadOnly !== 0 }),
    ...(completeAgoSec === undefined ? {} : { completeAgoSec }),
  };
}

/** The whole dictionary, as views of the payload. Throws `bad-extended-message`. */
export function parseExtendedHandshake(payload: Uint8Array): BencodeDictionary {
  return parseDictionary(payload, 'an extended handshake');
}

/**
 * The dictionary at the start of an extended message; its strings are views of the payload. `what` names
 * the message in the error. Throws `bad-extended-message`.
 */
export function parseDictionary(payload: Uint8Array, what: string): BencodeDictionary {
  let value: BencodeValue | undefined;
  let reason = 'it is another value';
  try {
    value = decodePrefix(payload, 0, DECODE_LIMITS).value;
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    reason = error.message;
  }
  if (value instanceof BencodeDictionary) return value;
  throw new MillraceError(
    'bad-extended-message',
    `${what} is not a bencoded dictionary (BEP 10): ${reason}`,
  );
}

/** `Object.fromEntries` defines keys, so a peer's `__proto__` is a name like any other. */
function extensionsOf(m: BencodeDictionary | undefined): Record<string, number> {
  const entries: [string, number][] = [];
  for (const name of m?.keys() ?? []) {
    if (entries.length === MAX_EXTENSIONS) break;
    const id = within(m?.integer(name), 0, MAX_EXTENSION_ID);
    if (id !== undefined && name.length <= MAX_EXTENSION_NAME_CHARACTERS) entries.push([name, id]);
  }
  return Object.fromEntries(entries);
}

function within(value: number | undefined, min: number, max: number): number | undefined {
  return value !== undefined && value >= min && value <= max ? value : undefined;
}
