// The message of peer exchange (BEP 11): peers to which its sender is, or was, connected. Every field is
// optional when read, and an invalid one is ignored, because peers write it.

import { COMPACT_IPV4_BYTES, COMPACT_IPV6_BYTES } from '../address/compact-peers';
import { encode } from '../bencode/encode';
import type { BencodeDictionary } from '../bencode/value';
import { parseDictionary } from './extended-handshake';

/** Flags of an added peer: one byte. A bit that is not set says nothing. */
export const PEER_FLAG = {
  prefersEncryption: 0x01,
  /** It has every piece, or wants no more (BEP 21). */
  seed: 0x02,
  utp: 0x04,
  holepunch: 0x08,
  /** The sender dialled it, so it can be reached. */
  reachable: 0x10,
} as const;

/** A peer: its address and port, in 6 or 18 bytes, and its flags. */
export interface AddedPeer {
  readonly entry: Uint8Array;
  readonly flags: number;
}

export interface PeerExchangeMessage {
  readonly added: readonly AddedPeer[];
  /** In 6 or 18 bytes each. */
  readonly dropped: readonly Uint8Array[];
}

/** The payload of a message of `ut_pex`. Empty lists are left out. */
export function encodePeerExchange({ added, dropped }: PeerExchangeMessage): Uint8Array {
  const added4 = added.filter(({ entry }) => entry.length === COMPACT_IPV4_BYTES);
  const added6 = added.filter(({ entry }) => entry.length === COMPACT_IPV6_BYTES);
  return encode({
    added: joined(added4.map(({ entry }) => entry)),
    'added.f': flagsOf(added4),
    added6: joined(added6.map(({ entry }) => entry)),
    'added6.f': flagsOf(added6),
    dropped: joined(dropped.filter(({ length }) => length === COMPACT_IPV4_BYTES)),
    dropped6: joined(dropped.filter(({ length }) => length === COMPACT_IPV6_BYTES)),
  });
}

/**
 * Decodes a message: the first `maxAdded` added and the first `maxDropped` dropped peers, those of
 * IPv4 first, as views of the payload. A part of a peer at the end of a list is ignored, and flags
 * that are missing count as 0. Throws MillraceError `bad-extended-message` if the payload is not a
 * bencoded dictionary.
 */
export function decodePeerExchange(
  payload: Uint8Array,
  { maxAdded, maxDropped }: { readonly maxAdded: number; readonly maxDropped: number },
): PeerExchangeMessage {
  const message = parseDictionary(payload, 'a message of ut_pex');
  const added = [
    ...addedIn(message, 'added', COMPACT_IPV4_BYTES, maxAdded),
    ...addedIn(message, 'added6', COMPACT_IPV6_BYTES, maxAdded),
  ];
  const dropped = [
    ...entriesIn(message, 'dropped', COMPACT_IPV4_BYTES, maxDropped),
    ...entriesIn(message, 'dropped6', COMPACT_IPV6_BYTES, maxDropped),
  ];
  return { added: added.slice(0, maxAdded), dropped: dropped.slice(0, maxDropped) };
}

function addedIn(
  message: BencodeDictionary,
  key: string,
  entryBytes: number,
  max: number,
): AddedPeer[] {
  const flags = message.bytes(`${key}.f`);
  return entriesIn(message, key, entryBytes, max).map((entry, at) => ({
    entry,
    flags: flags?.[at] ?? 0,
  }));
}

function entriesIn(
  message: BencodeDictionary,
  key: string,
  entryBytes: number,
  max: number,
): Uint8Array[] {
  const list = message.bytes(key) ?? new Uint8Array();
  const count = Math.min(Math.floor(list.length / entryBytes), max);
  return Array.from({ length: count }, (_, at) =>
    list.subarray(at * entryBytes, (at + 1) * entryBytes),
  );
}

function joined(entries: readonly Uint8Array[]): Uint8Array | undefined {
  return entries.length === 0 ? undefined : Buffer.concat(entries);
}

function flagsOf(added: readonly AddedPeer[]): Uint8Array | undefined {
  return added.length === 0 ? undefined : Uint8Array.from(added, ({ flags }) => flags);
}
