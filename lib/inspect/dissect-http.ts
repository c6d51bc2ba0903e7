// Divides the heads of HTTP requests and replies into labelled byte ranges: the request line with
// each parameter of the query, then each header line. Ranges cover every byte once, in order.

import type { ByteRange } from './hexdump';
import { toHex } from '../bytes/hex';
import { printableBytes } from '../text/printable';

/** Longest value of a header or parameter that is shown. */
const MAX_VALUE_CHARS = 500;

/** Parameters that are bytes, not text. */
const BINARY_PARAMETERS: readonly string[] = ['info_hash', 'peer_id', 'trackerid'];

/** `head` is Latin-1 text: one character per byte. */
export function dissectHttpHead(head: string): ByteRange[] {
  const ranges: ByteRange[] = [];
  let at = 0;
  const put = (length: number, kind: ByteRange['kind'], label: string, value: string): void => {
    if (length === 0) return;
    ranges.push({ startByte: at, endByte: at + length, kind, label: label || '(no name)', value });
    at += length;
  };
  const lines = head.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  lines.forEach((line, index) => {
    const request = index === 0 ? /^([A-Z]+ )(\S*)(.*\s*)$/.exec(line) : null;
    if (request !== null) {
      const [, method = '', target = '', version = ''] = request;
      put(method.length, 'frame', 'method', shown(method));
      const queryAt = target.indexOf('?') + 1 || target.length;
      put(queryAt, 'frame', 'path', shown(target.slice(0, queryAt)));
      for (const part of target.slice(queryAt).match(/[^&]*&|[^&]+$/g) ?? []) {
        const { name, value } = parameter(part.replace(/&$/, ''));
        put(part.length, 'field', name, value);
      }
      put(version.length, 'frame', 'version', shown(version));
    } else if (index === 0) put(line.length, 'frame', 'status line', shown(line));
    else if (/^\r?\n$/.test(line)) put(line.length, 'frame', 'end of head', '');
    else {
      const colon = line.indexOf(':') + 1;
      const name = colon > 0 ? line.slice(0, colon - 1) : 'header';
      put(line.length, 'frame', shown(name), shown(line.slice(colon)));
    }
  });
  return ranges;
}

/** One `name=value` of a query; an info hash or peer id is shown in hexadecimal. */
function parameter(pair: string): { readonly name: string; readonly value: string } {
  const equals = pair.indexOf('=');
  if (equals < 0) return { name: shown(pair), value: '' };
  const name = shown(pair.slice(0, equals));
  const text = pair.slice(equals + 1);
  if (!BINARY_PARAMETERS.includes(name)) return { name, value: shown(text) };
  const bytes = unescapePercent(text);
  return { name, value: `${toHex(bytes)} (${bytes.length} bytes)` };
}

/** Decodes percent-encoded text to bytes; a broken escape is kept. */
export function unescapePercent(text: string): Uint8Array {
  const latin1 = text.replace(/%([0-9a-f]{2})/gi, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
  return new Uint8Array(Buffer.from(latin1, 'latin1'));
}

function shown(text: string): string {
  return printableBytes(Buffer.from(text, 'latin1'), MAX_VALUE_CHARS);
}
