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
  return path
    .split('/')
    .map((part) =>
      part.length < KEY_LENGTH_CHARS || PLAIN_COMPONENT.test(part) ? part : shorten(part),
    )
    .join('/');
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
