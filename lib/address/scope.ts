// PURE. What kind of network an IP address belongs to: this machine, the link, a private network,
// the internet. An IPv6 address that embeds an IPv4 address has the scope of that.

import { addressOfHost } from './text';

/** The reach of an address. */
export type AddressScope =
  /** This machine. */
  | 'loopback'
  /** Machines on the same link. */
  | 'link-local'
  /** A cloud's metadata service, which gives credentials to any program on the machine. */
  | 'metadata'
  /** A private network. */
  | 'private'
  /** Multicast, broadcast, reserved, unspecified: no host can be dialled there. */
  | 'nowhere'
  | 'public';

/** Smaller numbers are closer to us. */
const DISTANCE: Readonly<Record<AddressScope, number>> = {
  loopback: 0,
  'link-local': 1,
  metadata: 1,
  nowhere: 1,
  private: 2,
  public: 3,
};

interface Block {
  readonly scope: AddressScope;
  readonly bytes: readonly number[];
  readonly bits: number;
}

/** The first block that contains an address determines its scope; an address in none is public. */
const IPV4_BLOCKS: readonly Block[] = [
  { scope: 'loopback', bytes: [127], bits: 8 },
  // This includes 169.254.169.254, the metadata service of most clouds.
  { scope: 'link-local', bytes: [169, 254], bits: 16 },
  { scope: 'metadata', bytes: [100, 100, 100, 200], bits: 32 }, // Alibaba Cloud
  { scope: 'metadata', bytes: [192, 0, 0, 192], bits: 32 }, // Oracle Cloud
  { scope: 'metadata', bytes: [168, 63, 129, 16], bits: 32 }, // Azure
  { scope: 'private', bytes: [10], bits: 8 }, // RFC 1918
  { scope: 'private', bytes: [172, 16], bits: 12 },
  { scope: 'private', bytes: [192, 168], bits: 16 },
  { scope: 'private', bytes: [100, 64], bits: 10 }, // Behind a provider's NAT, RFC 6598
  { scope: 'private', bytes: [198, 18], bits: 15 }, // Benchmarks, RFC 2544
  // "This network": the system treats 0.0.0.0 as itself.
  { scope: 'nowhere', bytes: [0], bits: 8 },
  // Multicast, reserved, broadcast.
  { scope: 'nowhere', bytes: [224], bits: 3 },
];

const IPV6_BLOCKS: readonly Block[] = [
  { scope: 'link-local', bytes: [0xfe, 0x80], bits: 10 },
  // fd00:ec2::254 (AWS) and fd20:ce::254 (Google Cloud).
  {
    scope: 'metadata',
    bytes: [0xfd, 0, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0x54],
    bits: 128,
  },
  {
    scope: 'metadata',
    bytes: [0xfd, 0x20, 0, 0xce, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0x54],
    bits: 128,
  },
  { scope: 'private', bytes: [0xfc], bits: 7 }, // RFC 4193
  { scope: 'private', bytes: [0xfe, 0xc0], bits: 10 }, // Site-local, RFC 3879
  { scope: 'nowhere', bytes: [0xff], bits: 8 }, // Multicast
];

/**
 * IPv6 forms that embed an IPv4 address: the prefix, and the positions of its four bytes. The first
 * match counts.
 */
const EMBEDDED: readonly { readonly prefix: readonly number[]; readonly at: readonly number[] }[] =
  [
    { prefix: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff], at: [12, 13, 14, 15] }, // Mapped, RFC 4291
    { prefix: [0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0], at: [12, 13, 14, 15] }, // Translated, RFC 2765
    { prefix: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], at: [12, 13, 14, 15] }, // Compatible, RFC 4291
    { prefix: [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0], at: [12, 13, 14, 15] }, // NAT64, RFC 6052
    // NAT64 with a local prefix (RFC 8215) of 96 bits, or of 48 bits, which leaves out byte 8.
    { prefix: [0, 0x64, 0xff, 0x9b, 0, 1, 0, 0, 0, 0, 0, 0], at: [12, 13, 14, 15] },
    { prefix: [0, 0x64, 0xff, 0x9b, 0, 1], at: [6, 7, 9, 10] },
    { prefix: [0x20, 0x02], at: [2, 3, 4, 5] }, // 6to4, RFC 3056
  ];

/** Teredo (RFC 4380) embeds the client's address with all bits inverted. */
const TEREDO = [0x20, 0x01, 0, 0];

/** The scope of a packed address of 4 or 16 bytes; `nowhere` for any other length. */
export function scopeOf(packed: Uint8Array): AddressScope {
  if (packed.length === 4) return scopeIn(IPV4_BLOCKS, packed);
  if (packed.length !== 16) return 'nowhere';
  if (packed.every((byte, at) => byte === (at === 15 ? 1 : 0))) return 'loopback';
  if (packed.every((byte) => byte === 0)) return 'nowhere';
  const embedded = EMBEDDED.find(({ prefix }) => startsWith(packed, prefix));
  if (embedded !== undefined) {
    return scopeOf(Uint8Array.from(embedded.at, (index) => packed[index] ?? 0));
  }
  if (startsWith(packed, TEREDO)) return scopeOf(packed.subarray(12).map((byte) => byte ^ 0xff));
  return scopeIn(IPV6_BLOCKS, packed);
}

function scopeIn(blocks: readonly Block[], packed: Uint8Array): AddressScope {
  return blocks.find((block) => holds(block, packed))?.scope ?? 'public';
}

function holds({ bytes, bits }: Block, packed: Uint8Array): boolean {
  const whole = bits >> 3;
  for (let at = 0; at < whole; at += 1) if (packed[at] !== (bytes[at] ?? 0)) return false;
  const rest = bits & 7;
  if (rest === 0) return true;
  return ((packed[whole] ?? 0) ^ (bytes[whole] ?? 0)) >> (8 - rest) === 0;
}

function startsWith(packed: Uint8Array, prefix: readonly number[]): boolean {
  return prefix.every((byte, at) => packed[at] === byte);
}

/** The scope of an address as text, with or without brackets and zone; undefined for a name. */
export function scopeOfText(host: string): AddressScope | undefined {
  const packed = addressOfHost(host);
  return packed === undefined ? undefined : scopeOf(packed);
}

/**
 * Whether one address is closer to us than the other. An address from a peer or tracker is ignored if
 * it is closer than its sender: 192.168.1.1 of an internet host is not our 192.168.1.1.
 */
export function isCloser(scope: AddressScope, other: AddressScope): boolean {
  return DISTANCE[scope] < DISTANCE[other];
}

/** Whether a host name or address denotes this machine, where unrelated peers share an address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost') || scopeOfText(host) === 'loopback';
}

/**
 * Whether a peer can have this address: false for unspecified, multicast, reserved and broadcast
 * addresses and for metadata services. Loopback is allowed.
 */
export function isDialable(packed: Uint8Array): boolean {
  const scope = scopeOf(packed);
  return scope !== 'nowhere' && scope !== 'metadata';
}
