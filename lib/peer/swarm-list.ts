// The peers of one torrent for peer exchange (BEP 11), as the coordinator listed them last. All
// sessions of the torrent on a thread share this list; each sends its peer what changed.

import { addressIn, COMPACT_IPV4_BYTES, COMPACT_IPV6_BYTES } from '../address/compact-peers';
import { scopeOf } from '../address/scope';
import type { AddressScope } from '../address/scope';

export interface SwarmEntry {
  /** Address and port, in 6 or 18 bytes. */
  readonly entry: Uint8Array;
  /** The same as a string, for comparison. */
  readonly key: string;
  /** As in `PEER_FLAG`. */
  readonly flags: number;
  readonly scope: AddressScope;
}

export class SwarmList {
  private list: ReadonlyMap<string, SwarmEntry> = new Map();
  private updates = 0;
  private isClosed = false;

  /** Incremented by each list, so that a session can see whether it has sent the present one. */
  get version(): number {
    return this.updates;
  }

  /** By key. */
  get entries(): ReadonlyMap<string, SwarmEntry> {
    return this.list;
  }

  /** The torrent turned out to be private (BEP 27): peer exchange has ended. */
  get closed(): boolean {
    return this.isClosed;
  }

  /** Takes a new list: each peer of `ipv4` and `ipv6` is its address, its port and its flags. */
  update(ipv4: Uint8Array, ipv6: Uint8Array): void {
    if (this.isClosed) return;
    this.updates++;
    const list = new Map<string, SwarmEntry>();
    addAll(list, ipv4, COMPACT_IPV4_BYTES);
    addAll(list, ipv6, COMPACT_IPV6_BYTES);
    this.list = list;
  }

  close(): void {
    this.isClosed = true;
    this.updates++;
    this.list = new Map();
  }
}

/** A string that is equal for equal entries. */
export function keyOfPeer(entry: Uint8Array): string {
  return String.fromCharCode(...entry);
}

function addAll(list: Map<string, SwarmEntry>, bytes: Uint8Array, entryBytes: number): void {
  const stride = entryBytes + 1;
  for (let at = 0; at + stride <= bytes.length; at += stride) {
    const entry = bytes.subarray(at, at + entryBytes);
    const key = keyOfPeer(entry);
    list.set(key, {
      entry,
      key,
      flags: bytes[at + entryBytes] ?? 0,
      scope: scopeOf(addressIn(entry)),
    });
  }
}
