// PURE. Which HTTP proxy a request uses, according to the usual environment variables:
// `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`, in lower or upper case.

import { BlockList, isIP, isIPv4 } from 'node:net';
import { unbracketed } from '../address/text';
import { isLoopback } from '../address/scope';

export interface ProxySettings {
  /** Proxy URL for targets of each scheme, as the user wrote it; a missing scheme means http. */
  readonly http?: string;
  readonly https?: string;
  /**
   * Hosts, domains (with all subdomains), addresses, networks (`10.0.0.0/8`), each with or without
   * `:port`; `*` for all.
   */
  readonly noProxy: readonly string[];
}

export const NO_PROXY: ProxySettings = { noProxy: [] };

/** Reads the settings from these environment variables. */
export function proxyFromEnvironment(
  env: Readonly<Record<string, string | undefined>>,
): ProxySettings {
  const read = (name: string): string | undefined =>
    nonEmpty(env[name]) ?? nonEmpty(env[name.toUpperCase()]);
  const all = read('all_proxy');
  // In a CGI program HTTP_PROXY is the client's `Proxy:` header ("httpoxy").
  const inCgi = env['REQUEST_METHOD'] !== undefined;
  return {
    http: (inCgi ? nonEmpty(env['http_proxy']) : read('http_proxy')) ?? all,
    https: read('https_proxy') ?? all,
    noProxy: (read('no_proxy') ?? '')
      .split(/[\s,]+/)
      .map((entry) => entry.toLowerCase())
      .filter((entry) => entry !== ''),
  };
}

function nonEmpty(text: string | undefined): string | undefined {
  const trimmed = text?.trim();
  return trimmed === '' ? undefined : trimmed;
}

/**
 * The proxy for this URL: its URL, undefined for a direct connection, or `unsupported` for a proxy
 * that does not use HTTP (a direct connection would reveal the address that the user wants to
 * hide). This machine itself is never contacted through a proxy.
 */
export function proxyFor(url: URL, settings: ProxySettings): URL | 'unsupported' | undefined {
  const chosen = url.protocol === 'https:' ? settings.https : settings.http;
  if (chosen === undefined || isExempt(url, settings.noProxy)) return undefined;
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(chosen) ? chosen : `http://${chosen}`;
  if (!URL.canParse(text)) return 'unsupported';
  const proxy = new URL(text);
  return proxy.protocol === 'http:' ? proxy : 'unsupported';
}

function isExempt(url: URL, noProxy: readonly string[]): boolean {
  const host = unbracketed(url.hostname).replace(/\.$/, '');
  if (isLoopback(host)) return true;
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return noProxy.some((entry) => matches(entry, host, port));
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  const withPort = /^(\[.*\]|[^:]*):(\d+)$/.exec(entry);
  if (withPort !== null && withPort[2] !== port) return false;
  const name = unbracketed(withPort?.[1] ?? entry);
  const [network = '', prefix] = name.split('/');
  if (isIP(network) !== 0) {
    return isIP(host) === isIP(network) && inNetwork(host, network, prefix);
  }
  const domain = name.replace(/^\*?\./, '');
  return host === domain || host.endsWith(`.${domain}`);
}

function inNetwork(host: string, network: string, prefix: string | undefined): boolean {
  const longest = isIPv4(network) ? 32 : 128;
  const bits = prefix === undefined ? longest : Number(prefix);
  if (!Number.isInteger(bits) || bits < 0 || bits > longest) return false;
  const family = isIPv4(network) ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  list.addSubnet(network, bits, family);
  return list.check(host, family);
}
