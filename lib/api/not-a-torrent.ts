// PURE. The error for bytes that are not a torrent: what they look like, where they came from, what
// to do.

import { MillraceError } from '../errors/millrace-error';
import { lookOf } from '../metainfo/look-alikes';
import { redactUrl, withoutSecrets } from '../text/redact';
import { printable } from '../text/printable';

/** Where the bytes came from; empty for bytes that were passed in. */
export interface Origin {
  readonly path?: string;
  readonly url?: string;
  /** The URL that replied, after redirects. */
  readonly finalUrl?: string;
  readonly contentType?: string;
}

/**
 * Adds the origin to the parser's error; if the content looks like another kind of file, names that
 * kind instead of the broken rule. The code stays `bad-bencode` or `bad-metainfo`; `details` gets
 * `source`, `contentType` and `looksLike`.
 */
export function notATorrent(error: unknown, bytes: Uint8Array, origin: Origin): unknown {
  if (!(error instanceof MillraceError)) return error;
  const { url, path, contentType } = origin;
  const source = url === undefined ? path : redactUrl(url);
  const look = lookOf(bytes);
  const details = {
    ...error.details,
    ...(source !== undefined && { source }),
    ...(contentType !== undefined && { contentType: printable(contentType, 60) }),
    ...(look !== undefined && { looksLike: look.kind }),
  };
  const subject = source === undefined ? '' : ` ${source}`;
  if (look === undefined) {
    const rule = String(error.details.rule);
    const broken = `the bencode breaks at byte ${String(error.details.offset)} (${rule}); it is damaged or was cut off: download it again`;
    const why = error.code === 'bad-bencode' ? broken : rule;
    return new MillraceError(error.code, `bad torrent${subject}: ${why}`, details);
  }
  const clean = withoutSecrets(look.quote ?? '', url ?? '');
  const quote = clean === '' ? '' : ` "${printable(clean, 120)}"`;
  return new MillraceError(
    error.code,
    `not a .torrent${subject}: ${whence(origin)}it ${look.words}${quote}${typeOf(details.contentType)}; ${look.advice}`,
    details,
  );
}

function whence({ url, finalUrl }: Origin): string {
  if (url === undefined || finalUrl === undefined) return '';
  const shown = redactUrl(finalUrl);
  return shown === redactUrl(url) ? '' : `the site sent us on to ${shown}, and `;
}

function typeOf(contentType: string | undefined): string {
  return contentType === undefined ? '' : `, sent as ${contentType}`;
}
