// PURE. Words of a tracker without the secrets of its URL: some repeat the passkey they do not know.

import type { TrackerFinding } from './findings';

/** Shorter parts of a URL are words like any other, and a tracker's are shown word for word. */
const SECRET_LENGTH_CHARS = 8;

/** The finding with every passkey and password of `url` hidden in what the tracker said. */
export function withoutSecrets(found: TrackerFinding, url: string): TrackerFinding {
  const secrets = secretsOf(url);
  const hide = (text: string): string =>
    secrets.reduce((rest, secret) => rest.replaceAll(secret, '…'), text);
  const { message, reason } = found;
  return { ...found, message: hide(message), reason: reason === undefined ? reason : hide(reason) };
}

function secretsOf(url: string): string[] {
  if (!URL.canParse(url)) return [];
  const { username, password, pathname, search } = new URL(url);
  const values = search.slice(1).split('&');
  const parts = [
    username,
    password,
    ...pathname.split('/'),
    ...values.flatMap((it) => it.split('=')),
  ];
  const found = parts.flatMap((part) => [part, unescaped(part)]);
  // `announce` and `announce.php` are no secrets; the longest go first, one may hold another.
  return [...new Set(found)]
    .filter((part) => part.length >= SECRET_LENGTH_CHARS && !/^announce(\.|$)/.test(part))
    .sort((a, b) => b.length - a.length);
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
