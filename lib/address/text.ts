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

/** Eight groups of up to four hex digits (RFC 4291 2.2), one run of zeros as `::`, the last two as IPv4. */
function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half, index) => wordsOf(half, index === halves.length - 1));
  if (head === undefined) return undefined;
  if (halves.length === 1) return head.length === 8 ? packWords(head) : undefined;
  if (tail === undefined || head.length + tail.length > 7) return undefined;
  const zeros = new Array<number>(8 - head.length - tail.length).fill(0);
  return packWords([...head, ...zeros, ...tail]);
}

function packWords(words: readonly number[]): Uint8Array {
  return Uint8Array.from(words.flatMap((word) => [word >> 8, word & 0xff]));
}

function wordsOf(half: string, isLast: boolean): number[] | undefined {
  if (half === '') return [];
  const words: number[] = [];
  const groups = half.split(':');
  for (const [index, group] of groups.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(group)) words.push(Number.parseInt(group, 16));
    else {
      const four = isLast && index === groups.length - 1 ? parseIpv4(group) : undefined;
      if (four === undefined) return undefined;
      const [a = 0, b = 0, c = 0, d = 0] = four;
      words.push((a << 8) | b, (c << 8) | d);
    }
  }
  return words;
}

/** `::ffff:a.b.c.d`, the form in which dual-stack sockets report IPv4 peers. */
function isMapped(packed: Uint8Array): boolean {
  if (packed.length !== 16 || packed[10] !== 0xff || packed[11] !== 0xff) return false;
  for (let i = 0; i < 10; i += 1) if (packed[i] !== 0) return false;
  return true;
}
