// Tracker URLs in a form that may be logged. Private trackers put a passkey into the path or the
// query, and it lets others download in the user's name.

import { printable } from './printable';

/** Path components that are program names, not keys. */
const PLAIN_COMPONENT = /^(announce|scrape|download|torrents?)(\.[a-z]{1,5})?$/i;

/** Path components of at least this length count as keys: real passkeys are longer. */
const KEY_LENGTH_CHARS = 8;

/** Shorter parts of a URL protect nothing, and would match everywhere. */
const LEAST_SECRET_CHARS = 4;

/** Longest redacted URL, in characters, so that a hostile one cannot flood a log. */
const MAX_URL_CHARS = 200;

/**
 * The URL without credentials and fragment, and with query values and long path components
 * shortened. Accepts any text; the result is printable and at most 200 characters long.
 */
export function redactUrl(url: string): string {
  const { scheme, credentials, host, path, query } = partsOf(url);
  const who = credentials === undefined ? '' : '…@';
  const what = query === undefined ? '' : `?${redactQuery(query)}`;
  return printable(`${scheme}${who}${host}${redactPath(path)}${what}`, MAX_URL_CHARS);
}

/**
 * Removes the secrets of the requested URL from remote text (a failure reason, the start of a
 * page): some trackers repeat a passkey that they do not know.
 */
export function withoutSecrets(text: string, url: string): string {
  let clean = text;
  for (const secret of secretsOf(url)) {
    // Short secrets look like ordinary words, and the tracker's text should stay readable.
    if (secret.length >= KEY_LENGTH_CHARS) clean = clean.replaceAll(secret, shorten(secret));
  }
  return clean;
}

/**
 * The parts of a tracker URL that `redactUrl` removes, verbatim, longest first: user name and
 * password, query values, long path components. Values of `publicKeys` are left out.
 */
export function secretsOf(url: string, publicKeys: readonly string[] = []): string[] {
  const { credentials = '', path, query = '' } = partsOf(url);
  const parts = path.split('/').filter((part) => shownInPath(part) !== part);
  for (const pair of query.split('&')) {
    const equals = pair.indexOf('=');
    if (equals < 0 && pair.length < KEY_LENGTH_CHARS) continue;
    if (!publicKeys.includes(pair.slice(0, equals))) parts.push(pair.slice(equals + 1));
  }
  const found = [...credentials.split(':'), ...parts];
  // A message may quote the URL with its escapes decoded.
  const secrets = new Set(found.flatMap((secret) => [secret, unescaped(secret)]));
  return [...secrets]
    .filter((secret) => secret.length >= LEAST_SECRET_CHARS)
    .sort((a, b) => b.length - a.length);
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

interface UrlParts {
  /** Including `://`; may be empty. */
  readonly scheme: string;
  readonly credentials: string | undefined;
  readonly host: string;
  readonly path: string;
  readonly query: string | undefined;
}

/** Splits any text, even if it is not a URL. */
function partsOf(url: string): UrlParts {
  const [beforeFragment = ''] = url.slice(0, 8192).split('#', 1);
  const cut = beforeFragment.indexOf('?');
  const address = cut < 0 ? beforeFragment : beforeFragment.slice(0, cut);
  const match = /^([a-z][a-z0-9+.-]*:\/\/)?([^/]*)(.*)$/is.exec(address);
  const [, scheme = '', authority = '', path = ''] = match ?? [];
  const at = authority.lastIndexOf('@');
  return {
    scheme,
    credentials: at < 0 ? undefined : authority.slice(0, at),
    host: authority.slice(at + 1),
    path,
    query: cut < 0 ? undefined : beforeFragment.slice(cut + 1),
  };
}

function redactPath(path: string): string {
  return path.split('/').map(shownInPath).join('/');
}

function shownInPath(part: string): string {
  return part.length < KEY_LENGTH_CHARS || PLAIN_COMPONENT.test(part) ? part : shorten(part);
}

function redactQuery(query: string): string {
  return query
    .split('&')
    .map((pair) => {
      const equals = pair.indexOf('=');
      if (equals >= 0) return `${pair.slice(0, equals)}=${shorten(pair.slice(equals + 1))}`;
      return pair.length < KEY_LENGTH_CHARS ? pair : shorten(pair);
    })
    .join('&');
}

/** Three characters are enough to distinguish two keys, and too few to reveal one. */
function shorten(secret: string): string {
  return secret.length >= 12 ? `${secret.slice(0, 3)}…` : '…';
}

/**
 * Keys whose values no log shows: HTTP's and ours. No record of the engine has one; a logger that knows
 * them keeps it so.
 */
export const SECRET_KEYS = [
  'authorization',
  'cookie',
  'passkey',
  'password',
  'proxy-authorization',
  'proxyAuthorization',
  'trackerId',
] as const;

/** Keys whose values are URLs, of which a log shows what `redactUrl` leaves. */
export const URL_KEYS = ['announce', 'proxy', 'tracker', 'url'] as const;

/** What a log shows of the value under one of these keys. */
export function redactValue(key: string, value: unknown): string {
  const isUrl = typeof value === 'string' && (URL_KEYS as readonly string[]).includes(key);
  return isUrl ? redactUrl(value) : '…';
}

/** The text with every character of every secret replaced by `*`. */
export function maskText(text: string, secrets: readonly string[]): string {
  return secrets.reduce(
    (masked, secret) => masked.replaceAll(secret, '*'.repeat(secret.length)),
    text,
  );
}

/** The bytes with every byte of every secret replaced by `*`; the same array if there is none. */
export function maskBytes(bytes: Uint8Array, secrets: readonly string[]): Uint8Array {
  let masked: Buffer | undefined;
  for (const secret of secrets) {
    const wanted = Buffer.from(secret, 'utf8');
    const view = masked ?? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = view.indexOf(wanted); at >= 0; at = view.indexOf(wanted, at + wanted.length)) {
      masked ??= Buffer.from(bytes);
      masked.fill('*', at, at + wanted.length);
    }
  }
  return masked ?? bytes;
}
