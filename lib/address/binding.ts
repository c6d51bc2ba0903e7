// PURE. Our own addresses that sockets are bound to, by the option `bind`: an address, or the present
// addresses of an interface.

import { scopeOfText } from './scope';
import { addressOfHost, parseAddress } from './text';

type Family = 4 | 6;

/** Our own address of each family; undefined: that family must not be used. */
export interface OwnAddresses {
  readonly ipv4: string | undefined;
  readonly ipv6: string | undefined;
}

/** Returns our present addresses; both are undefined while the interface has none. */
export type OwnAddressesNow = () => OwnAddresses;

/** The interfaces of this machine, as `os.networkInterfaces` lists them. */
export type Interfaces = Readonly<
  Record<string, readonly { readonly address: string; readonly family: string }[] | undefined>
>;

/**
 * The addresses for `bind`: the address itself, or the first of each family that the interface of
 * this name has. Link-local IPv6 addresses reach no peer, and are left out.
 */
export function ownAddresses(bind: string, interfaces: Interfaces): OwnAddresses {
  const packed = parseAddress(bind);
  if (packed !== undefined) {
    return packed.length === 4 ? { ipv4: bind, ipv6: undefined } : { ipv4: undefined, ipv6: bind };
  }
  const entries = (Object.hasOwn(interfaces, bind) ? interfaces[bind] : undefined) ?? [];
  const first = (family: string): string | undefined =>
    entries.find((entry) => entry.family === family && scopeOfText(entry.address) !== 'link-local')
      ?.address;
  return { ipv4: first('IPv4'), ipv6: first('IPv6') };
}

/** Why no socket can be bound to `bind` now, worded to follow the option's name; undefined if one can. */
export function whyNotBind(bind: string, interfaces: Interfaces): string | undefined {
  const names = Object.keys(interfaces);
  const { ipv4, ipv6 } = ownAddresses(bind, interfaces);
  if (parseAddress(bind) === undefined) {
    if (ipv4 !== undefined || ipv6 !== undefined) return undefined;
    if (names.includes(bind)) return 'has no address now';
    return `is neither: it has the interfaces ${names.join(', ')}`;
  }
  const own = names.flatMap((name) => interfaces[name] ?? []).map(({ address }) => address);
  const isOwn = own.includes(bind) || scopeOfText(bind) === 'loopback';
  return isOwn ? undefined : `is not: it has ${own.join(', ')}`;
}

/** Our own address, and its family, for a connection to a host. */
export interface Source {
  readonly family: Family;
  readonly localAddress: string;
}

/**
 * The source for a connection to `host`: for a name, `family` or else the first family that is
 * bound. Undefined if there is no address of ours for it.
 */
export function sourceFor(host: string, own: OwnAddresses, family?: Family): Source | undefined {
  const packed = addressOfHost(host);
  const literal = packed === undefined ? undefined : packed.length === 4 ? 4 : 6;
  const wanted = literal ?? family ?? (own.ipv4 === undefined ? 6 : 4);
  const localAddress = wanted === 4 ? own.ipv4 : own.ipv6;
  return localAddress === undefined ? undefined : { family: wanted, localAddress };
}

/** Whether this local address of a socket is still one of the own addresses. */
export function isOwn(local: string, { ipv4, ipv6 }: OwnAddresses): boolean {
  return local === ipv4 || local === ipv6;
}
