// The addresses under which other machines may reach this one.

import { constants, networkInterfaces } from 'node:os';
import { MillraceError } from '../errors/millrace-error';
import { failureReason } from '../errors/system-error';
import { scopeOfText } from '../address/scope';

/** Names of bridges to containers and virtual machines, which other machines can rarely reach. */
const VIRTUAL = /^(docker|br-|virbr|veth|cni|flannel|lxc|lxd)/;

/**
 * Addresses of this machine that are neither loopback nor link-local, the most likely first: real
 * interfaces before bridges, IPv4 before IPv6. Empty on a machine without a network.
 *
 * @throws MillraceError with the system's code (`EMFILE`).
 */
export function localAddresses(): readonly string[] {
  return addressesOf(interfacesNow());
}

function interfacesNow(): ReturnType<typeof networkInterfaces> {
  try {
    return networkInterfaces();
  } catch (error) {
    // Node reports only "Unknown system error 24" here, with the number instead of the name.
    const { info = { errno: 0 } } = error as { readonly info?: { readonly errno: number } };
    const [code = 'unknown'] =
      Object.entries(constants.errno).find(([, errno]) => errno === Math.abs(info.errno)) ?? [];
    const why = failureReason(Object.assign(new Error((error as Error).message), { code }));
    throw new MillraceError(code, `cannot look up the addresses of this machine: ${why}`);
  }
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
