// Options of an engine that decide with whom it talks, and over which addresses.

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
   * Which peers are accepted, by their address: dials and incoming connections. Trackers are not
   * filtered. Default: all.
   */
  readonly ipFilter?: IpFilterOptions;
  /**
   * The own address (`192.0.2.7`), or the interface (`tun0`) whose addresses everything is bound
   * to: the listening port, dials, trackers, .torrent files from the web. Nothing goes out another
   * way: without an IPv6 address there no IPv6 peer is dialled, and while the interface has no
   * address, all wait. Only names are looked up by the system. Excludes `host`. Default: the system
   * chooses.
   */
  readonly bind?: string;
  /**
   * Address or host name that trackers are to hand out for us: a proxy or tunnel through which peers
   * reach us. Many trackers ignore it; over UDP only an IPv4 address is sent. Default: none, so
   * trackers use the address from which they see us.
   */
  readonly announceAddress?: string;
  /**
   * Port that trackers and peers get for us, 1–65535, if a router forwards it to ours. Default: the
   * one that we listen on.
   */
  readonly announcePort?: number;
  /**
   * Marks what is sent to peers for routers that sort by it (DSCP, RFC 2474), 0–63: 8 (CS1) is
   * background traffic. Needs a Node that has `socket.setTypeOfService` (24 and later): on another
   * one it is an error. Default: not marked.
   */
  readonly dscp?: number;
}

/** Letters, digits, dots and hyphens; at most 253 characters (RFC 1035). */
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/i;

/** An own address, or an interface that has one now. */
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
