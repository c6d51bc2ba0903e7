// The addresses at which other machines may reach this one.

import { networkInterfaces } from 'node:os';
import { scopeOfText } from '../address/scope';

/** Bridges to containers and virtual machines: real, but seldom what another machine can reach. */
const VIRTUAL = /^(docker|br-|virbr|veth|cni|flannel|lxc|lxd)/;

/**
 * Addresses of this machine that are neither loopback nor link-local, the likeliest first: IPv4
 * before IPv6, real interfaces before bridges. Empty on a machine without a network.
 */
export function localAddresses(): readonly string[] {
  return addressesOf(networkInterfaces());
}

export function addressesOf(interfaces: ReturnType<typeof networkInterfaces>): readonly string[] {
  return Object.entries(interfaces)
    .flatMap(([name, entries]) =>
      (entries ?? []).map(({ address, family, internal }) => ({ name, address, family, internal })),
    )
    .filter(({ address, internal }) => !internal && scopeOfText(address) !== 'link-local')
    .map((entry) => ({ ...entry, rank: rankOf(entry) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ address }) => address);
}

function rankOf({ name, family }: { name: string; family: string }): number {
  return (VIRTUAL.test(name) ? 1 : 0) + (family === 'IPv4' ? 0 : 2);
}
