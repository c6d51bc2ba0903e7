// EDGE. Requests through an HTTP proxy: absolute-form for http targets (RFC 9112, section 3.2.2), a
// CONNECT tunnel for https ones (RFC 9110, section 9.3.6).

import * as http from 'node:http';
import type { Socket } from 'node:net';
import type { Source } from '../address/binding';
import { unbracketed } from '../address/text';
import { connectionError, requestError } from './request-error';
import type { Subject } from './request-error';
import { redactUrl } from '../text/redact';

/** The options for `http.request` to request `url` from `proxy`. */
export function absoluteForm(url: URL, proxy: URL): http.RequestOptions {
  const target = new URL(url.href);
  target.username = '';
  target.password = '';
  return {
    ...addressOf(proxy),
    path: target.href,
    auth: url.username === '' ? undefined : credentials(url),
    headers: { Host: url.host, ...proxyHeaders(proxy) },
  };
}

interface TunnelOptions {
  readonly subject: Subject;
  readonly stop: AbortSignal;
  /** Where the connection to the proxy is made from. Default: the system chooses. */
  readonly source: Source | undefined;
}

/** A connection to the host of `url` through `proxy`; the caller adds TLS. */
export function openTunnel(
  url: URL,
  proxy: URL,
  { subject, stop, source }: TunnelOptions,
): Promise<Socket> {
  const target = `${url.hostname}:${url.port || '443'}`;
  return new Promise((resolve, reject) => {
    const request = http.request({
      ...addressOf(proxy),
      ...source,
      method: 'CONNECT',
      path: target,
      headers: { Host: target, ...proxyHeaders(proxy) },
      agent: false,
      signal: stop,
    });
    request.on('connect', (response, socket: Socket) => {
      if (response.statusCode === 200) return resolve(socket);
      socket.destroy();
      reject(refused(response.statusCode));
    });
    request.on('response', (response) => {
      response.destroy();
      reject(refused(response.statusCode));
    });
    request.on('error', (error) =>
      reject(stop.aborted ? (stop.reason as Error) : connectionError(subject, url, error)),
    );
    request.end();
  });

  function refused(status: number | undefined): Error {
    const via = redactUrl(proxy.href);
    return requestError(
      subject,
      'unreachable',
      url,
      `is not reached: the proxy ${via} answers with HTTP status ${status ?? 'unknown'}`,
    );
  }
}

function addressOf(proxy: URL): { readonly host: string; readonly port: number } {
  return { host: unbracketed(proxy.hostname), port: Number(proxy.port || '80') };
}

function proxyHeaders(proxy: URL): Record<string, string> {
  if (proxy.username === '') return {};
  const basic = Buffer.from(credentials(proxy)).toString('base64');
  return { 'Proxy-Authorization': `Basic ${basic}` };
}

function credentials(url: URL): string {
  return `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
}
