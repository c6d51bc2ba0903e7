// Options of an engine for its use of the network: which peers it accepts, and its own addresses.

import { networkInterfaces } from 'node:os';
import { whyNotBind } from '../address/binding';
import { MAX_PORT } from '../address/host-port';
import { parseAddress } from '../address/text';
import type { NetworkSettings } from '../messages/network';
import { badOption, text, wholeNumber, wrong } from './checks';
import { canMark } from '../transport/dscp';
import type { Check, Checks } from './checks';
import { ipFilterOption } from './ip-filter';
import type { IpFilterOptions } from './ip-filter';

export interface NetworkOptions {
  /**
   * Accepts or refuses peers by address, both dials and incoming connections. Trackers are not filtered.
   * Default: all are accepted.
   */
  readonly ipFilter?: IpFilterOptions;
  /**
   * An own address (`192.0.2.7`) or an interface (`tun0`). All sockets are bound to this address, or
   * to one address of each family of the interface: the listening port, dials, trackers, downloads of
   * .torrent files. Without an address of a family, nothing is sent over that family; while the
   * interface has no address at all, dials and announces wait. Host names are still looked up by the
   * system. Excludes `host`. Default: the system chooses.
   */
  readonly bind?: string;
  /**
   * Address or host name that trackers should give to peers for us, such as that of a proxy or tunnel
   * (BEP 3, `ip`). Many trackers ignore it; over UDP only an IPv4 address is sent (BEP 15). Default:
   * none, so trackers use the source address of the announce.
   */
  readonly announceAddress?: string;
  /**
   * Port that is announced to trackers and peers, 1–65535, if a router forwards it to the listening
   * port. Default: the listening port.
   */
  readonly announcePort?: number;
  /**
   * DSCP of packets that are sent to peers (RFC 2474), 0–63, by which routers may prioritise traffic;
   * 8 (CS1) is background traffic. Needs a Node with `socket.setTypeOfService` (some releases of 24, and
   * later): otherwise `bad-option`. Default: not marked.
   */
  readonly dscp?: number;
}

/** Letters, digits, dots and hyphens; at most 253 characters (RFC 1035). */
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/i;

/** An own address, or an interface that has an address now. */
export const bindOption: Check<string | undefined> = (name, value) => {
  if (value === undefined) return undefined;
  const bind = text('an address or the name of an interface')(name, value);
  const why = whyNotBind(bind, networkInterfaces());
  if (why === undefined) return bind;
  throw badOption(name, `must be an address or an interface of this machine, but ${bind} ${why}`);
};

const announceAddress: Check<string | undefined> = (name, value) => {
  if (value === undefined) return undefined;
  if (typeof value === 'string' && (parseAddress(value) !== undefined || HOST_NAME.test(value)))
    return value;
  throw wrong(name, 'an IP address without brackets, or a host name', value);
};

/** `canSet`: whether this Node can mark packets. */
export const dscpOption =
  (canSet: boolean): Check<number | undefined> =>
  (name, value) => {
    const dscp = wholeNumber(0, 63)(name, value);
    if (dscp === undefined || canSet) return dscp;
    throw badOption(
      name,
      `needs Node 24 or later, which can mark packets; with Node ${process.versions.node} let the firewall mark those of the listening port (target DSCP of iptables, value ${dscp})`,
    );
  };

export const NETWORK = {
  ipFilter: ipFilterOption,
  bind: bindOption,
  announceAddress,
  announcePort: wholeNumber(1, MAX_PORT),
  dscp: dscpOption(canMark()),
} satisfies Checks<NetworkOptions>;

/** `ipFilter`: the buffer of the filter, once its files are read. */
export function networkSettings(
  options: Pick<NetworkSettings, 'bind' | 'announceAddress' | 'announcePort' | 'dscp'>,
  ipFilter: SharedArrayBuffer | undefined,
): NetworkSettings {
  const { bind, announceAddress, announcePort, dscp } = options;
  return { ipFilter, bind, announceAddress, announcePort, dscp };
}
