// PURE. Converts IP addresses between text and 4 or 16 bytes in network order.

/**
 * Formats a packed address in canonical form (RFC 5952); an IPv4-mapped address is written as IPv4.
 */
export function formatAddress(packed: Uint8Array): string | undefined {
  if (packed.length === 4) return packed.join('.');
  if (packed.length !== 16) return undefined;
  if (isMapped(packed)) return packed.subarray(12).join('.');
  const words: number[] = [];
  for (let i = 0; i < 16; i += 2) words.push(((packed[i] ?? 0) << 8) | (packed[i + 1] ?? 0));
  // The longest run of zero words, of two or more, becomes `::`; the first of equals.
  let bestStart = -1;
  let bestLength = 1;
  for (let start = 0; start < 8; start += 1) {
    let end = start;
    while (end < 8 && words[end] === 0) end += 1;
    if (end - start > bestLength) {
      bestStart = start;
      bestLength = end - start;
    }
  }
  const hex = words.map((word) => word.toString(16));
  if (bestStart < 0) return hex.join(':');
  return `${hex.slice(0, bestStart).join(':')}::${hex.slice(bestStart + bestLength).join(':')}`;
}

/** A host as written in URLs, with brackets around IPv6 addresses (RFC 3986, 3.2.2). */
export function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** The host without the brackets that URLs put around IPv6 addresses. */
export function unbracketed(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
}

/** Formats `192.0.2.1:6881`, `[::1]:6881`. */
export function hostPort(host: string, port: number): string {
  return `${bracketed(host)}:${port}`;
}

/**
 * Parses an IP address into 4 or 16 bytes; undefined for anything else (names, zone ids, brackets).
 */
export function parseAddress(text: string): Uint8Array | undefined {
  // 45 characters is the longest text of an IPv6 address.
  if (text.length > 45) return undefined;
  const four = parseIpv4(text);
  if (four !== undefined) return four;
  const packed = parseIpv6(text);
  return packed !== undefined && isMapped(packed) ? packed.slice(12) : packed;
}

/**
 * The address of a host, without the brackets of URLs and without a zone (`fe80::1%eth0`), which
 * names one of our own interfaces. Undefined for a name.
 */
export function addressOfHost(host: string): Uint8Array | undefined {
  const bare = unbracketed(host);
  const zoneAt = bare.indexOf('%');
  return parseAddress(zoneAt < 0 ? bare : bare.slice(0, zoneAt));
}

/**
 * Four numbers of 0 to 255 without leading zeros. Hand-written, because our tracker does this for
 * every packet.
 */
function parseIpv4(text: string): Uint8Array | undefined {
  if (text.length < 7 || text.length > 15) return undefined;
  const packed = new Uint8Array(4);
  let part = 0;
  let value = -1;
  for (let at = 0; at < text.length; at += 1) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit >= 0 && digit <= 9) {
      if (value === 0) return undefined;
      value = value < 0 ? digit : value * 10 + digit;
      if (value > 255) return undefined;
    } else if (digit === -2 && value >= 0 && part < 3) {
      packed[part] = value;
      part += 1;
      value = -1;
    } else return undefined;
  }
  if (part !== 3 || value < 0) return undefined;
  packed[3] = value;
  return packed;
}

const DOT = 0x2e;
const COLON = 0x3a;

/**
 * Eight groups of up to four hex digits (RFC 4291, section 2.2); `::` stands for one run of zeros, and
 * the last two groups may be written as IPv4. Hand-written for speed: the IP filter parses every
 * address of a peer.
 */
function parseIpv6(text: string): Uint8Array | undefined {
  const packed = new Uint8Array(16);
  const { length } = text;
  let filled = 0;
  /** Number of bytes before `::`. */
  let gap = -1;
  let at = 0;
  if (text.startsWith('::')) {
    gap = 0;
    at = 2;
  }
  while (at < length) {
    const start = at;
    let value = 0;
    for (let digit = hexDigit(text, at); digit >= 0; digit = hexDigit(text, at)) {
      value = (value << 4) | digit;
      at += 1;
    }
    if (at === start || at > start + 4) return undefined;
    const next = text.charCodeAt(at);
    if (next === DOT) {
      const four = parseIpv4(text.slice(start));
      if (four === undefined || filled > 12) return undefined;
      packed.set(four, filled);
      filled += 4;
      break;
    }
    if (filled > 14) return undefined;
    packed[filled] = value >> 8;
    packed[filled + 1] = value;
    filled += 2;
    if (at === length) break;
    if (next !== COLON) return undefined;
    at += 1;
    if (text.charCodeAt(at) === COLON) {
      if (gap >= 0) return undefined;
      gap = filled;
      at += 1;
    } else if (at === length) return undefined;
  }
  if (gap < 0) return filled === 16 ? packed : undefined;
  if (filled > 14) return undefined; // `::` stands for at least one group.
  const shift = 16 - filled;
  for (let to = 15; to >= gap; to -= 1)
    packed[to] = to - shift < gap ? 0 : (packed[to - shift] ?? 0);
  return packed;
}

/** The value of a hex digit; -1 for any other character, and past the end. */
function hexDigit(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** `::ffff:a.b.c.d`, the form in which dual-stack sockets report IPv4 peers. */
function isMapped(packed: Uint8Array): boolean {
  if (packed.length !== 16 || packed[10] !== 0xff || packed[11] !== 0xff) return false;
  for (let i = 0; i < 10; i += 1) if (packed[i] !== 0) return false;
  return true;
}
