// Tracker URLs as logs may show them. Private trackers put a passkey into the path or the query:
// whoever reads it downloads in the user's name.

import { printable } from './text';

/** Path components that are names of programs, not keys. */
const PLAIN_COMPONENT = /^(announce|scrape|download|torrents?)(\.[a-z]{1,5})?$/i;

/** Path components from this length on are taken for keys: short enough for any real passkey. */
const KEY_LENGTH_CHARS = 8;

/** Longest redacted URL, in characters: a log line is no place for a hostile megabyte. */
const MAX_URL_CHARS = 200;

/**
 * The URL with credentials removed, query values and long path components shortened, and the
 * fragment dropped. Takes any text; the result is printable and at most 200 characters long.
 */
export function redactUrl(url: string): string {
  const [beforeFragment = ''] = url.slice(0, 8192).split('#', 1);
  const cut = beforeFragment.indexOf('?');
  const address = cut < 0 ? beforeFragment : beforeFragment.slice(0, cut);
  const query = cut < 0 ? '' : `?${redactQuery(beforeFragment.slice(cut + 1))}`;
  const match = /^([a-z][a-z0-9+.-]*:\/\/)?([^/]*)(.*)$/is.exec(address);
  if (match === null) return '…';
  const [, scheme = '', authority = '', path = ''] = match;
  const host = authority.slice(authority.lastIndexOf('@') + 1);
  const credentials = authority.includes('@') ? '…@' : '';
  return printable(`${scheme}${credentials}${host}${redactPath(path)}${query}`, MAX_URL_CHARS);
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

/** Three characters tell two keys apart and give neither away. */
function shorten(secret: string): string {
  return secret.length >= 12 ? `${secret.slice(0, 3)}…` : '…';
}

/** Shorter parts of a URL keep nobody out, and would be found everywhere. */
const LEAST_SECRET_CHARS = 4;

/**
 * The parts of a tracker's URL that `redactUrl` takes out, word for word: user name and password,
 * values of the query, long path components. Values of `publicKeys` are left out.
 */
export function secretsOf(url: string, publicKeys: readonly string[] = []): string[] {
  if (!URL.canParse(url)) return [];
  const { username, password, pathname, search } = new URL(url);
  const parts = pathname.split('/').filter((part) => shownInPath(part) !== part);
  for (const pair of search.slice(1).split('&')) {
    const equals = pair.indexOf('=');
    if (equals < 0 && pair.length < KEY_LENGTH_CHARS) continue;
    if (!publicKeys.includes(pair.slice(0, equals))) parts.push(pair.slice(equals + 1));
  }
  const secrets = [username, password, ...parts];
  // Servers that quote the URL may write it without escapes.
  for (const part of [...secrets]) if (part.includes('%')) secrets.push(unescaped(part));
  const long = secrets.filter((secret) => secret.length >= LEAST_SECRET_CHARS);
  return [...new Set(long)].sort((a, b) => b.length - a.length);
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The text with a `*` in the place of every character of every secret. */
export function maskText(text: string, secrets: readonly string[]): string {
  return secrets.reduce(
    (masked, secret) => masked.replaceAll(secret, '*'.repeat(secret.length)),
    text,
  );
}

/** The bytes with a `*` in the place of every byte of every secret; the same bytes where there is none. */
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
