// PURE. Connection ids of our UDP tracker: nothing is stored for them. An id is the number of a minute
// and a keyed hash over that minute and the asker's address, so that only who receives packets at an
// address can use it (BEP 15: "a syn cookie like approach").

import { SipHash } from './siphash';

/** An id is good for this window and the two after it: 2 to 3 minutes (BEP 15 wants two). */
const WINDOW_MS = 60_000;
const WINDOWS_AFTER = 2;

const ID_BYTES = 8;
const LONGEST_ADDRESS_BYTES = 16;

export class UdpCookies {
  readonly #hash: SipHash;
  /** The window, then the address. */
  readonly #message = Buffer.alloc(8 + LONGEST_ADDRESS_BYTES);
  readonly #expected = Buffer.alloc(ID_BYTES);

  /** `secret`: 16 random bytes, made anew at every start. */
  constructor(secret: Uint8Array) {
    this.#hash = new SipHash(secret);
  }

  /** The 8 bytes to give to this address. */
  issue(address: Uint8Array, nowMs: number): Uint8Array {
    return Uint8Array.from(this.#idOf(address, Math.floor(nowMs / WINDOW_MS)));
  }

  /** Whether the first 8 bytes of a packet are an id that we gave to this address lately. */
  check(packet: Uint8Array, address: Uint8Array, nowMs: number): boolean {
    const current = Math.floor(nowMs / WINDOW_MS);
    const age = (current - (packet[0] ?? 0)) & 0xff;
    if (age > WINDOWS_AFTER) return false;
    const expected = this.#idOf(address, current - age);
    let difference = 0;
    for (let at = 0; at < ID_BYTES; at += 1) difference |= (packet[at] ?? 0) ^ (expected[at] ?? 0);
    return difference === 0;
  }

  /** A view that the next call overwrites. */
  #idOf(address: Uint8Array, window: number): Uint8Array {
    const length = 8 + address.length;
    this.#message.writeDoubleLE(window, 0);
    this.#message.set(address, 8);
    const { high, low } = this.#hash.hash(
      length === this.#message.length ? this.#message : this.#message.subarray(0, length),
    );
    this.#expected.writeUInt32LE(high, 0);
    this.#expected.writeUInt32LE(low, 4);
    this.#expected[0] = window & 0xff;
    return this.#expected;
  }
}
