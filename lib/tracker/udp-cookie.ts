// PURE. Connection ids of our UDP tracker: nothing is stored for them. An id is a number of the minute
// and a keyed hash over that minute and the asker's address, so that only who receives packets at an
// address can use it (BEP 15: "a syn cookie like approach").

import { createHmac } from 'node:crypto';

/** An id is good for this window and the two after it: 2 to 3 minutes (BEP 15 wants two). */
const WINDOW_MS = 60_000;
const WINDOWS_AFTER = 2;

const ID_BYTES = 8;
const MAC_BYTES = 7;

export class UdpCookies {
  readonly #secret: Uint8Array;

  /** `secret`: 32 random bytes, made anew at every start. */
  constructor(secret: Uint8Array) {
    this.#secret = Uint8Array.from(secret);
  }

  /** The 8 bytes to give to this address. */
  issue(address: Uint8Array, nowMs: number): Uint8Array {
    return this.#idOf(address, Math.floor(nowMs / WINDOW_MS));
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

  #idOf(address: Uint8Array, window: number): Uint8Array {
    const message = Buffer.alloc(8 + address.length);
    message.writeDoubleBE(window, 0);
    message.set(address, 8);
    const mac = createHmac('sha256', this.#secret).update(message).digest();
    const id = Buffer.allocUnsafe(ID_BYTES);
    id[0] = window & 0xff;
    mac.copy(id, 1, 0, MAC_BYTES);
    return id;
  }
}
