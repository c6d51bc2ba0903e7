// EDGE. Bodies as the server meant them: what it compressed is inflated, within a bound.

import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { printable } from '../text/printable';
import { describe, requestError } from './request-error';
import type { Subject } from './request-error';

/** The registered content encodings that change a body (RFC 9110, section 8.4.1, and later ones). */
const COMPRESSIONS = new Set(['gzip', 'x-gzip', 'deflate', 'compress', 'x-compress', 'br', 'zstd']);

const gunzip = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.gunzip);
const inflate = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.inflate);
const inflateRaw = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.inflateRaw);

/** The body itself where nothing was compressed. Rejects with `<subject>-bad-reply`. */
export async function decompress(
  { encoding, body }: { readonly encoding: string; readonly body: Buffer },
  url: URL,
  { subject, maxBodyBytes }: { readonly subject: Subject; readonly maxBodyBytes: number },
): Promise<Buffer> {
  // What names no compression ("none", "utf-8") is a slip of the server's: the body is as it is.
  if (!COMPRESSIONS.has(encoding) || body.length === 0) return body;
  // A few bytes can inflate to gigabytes: the output has the same cap as the body.
  const limits = { maxOutputLength: maxBodyBytes };
  try {
    if (encoding === 'gzip' || encoding === 'x-gzip') return await gunzip(body, limits);
    // "deflate" means zlib in the standard and raw deflate at many servers: method 8 tells a zlib header.
    if (encoding === 'deflate') {
      const zlibHeader = ((body[0] ?? 0) & 0x0f) === 8;
      return await (zlibHeader ? inflate : inflateRaw)(body, limits);
    }
  } catch (error) {
    const what =
      (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
        ? `sends more than ${maxBodyBytes} bytes, compressed`
        : `sends broken ${encoding} data: ${describe(error)}`;
    throw requestError(subject, 'bad-reply', url, what);
  }
  const shown = printable(encoding, 30);
  throw requestError(subject, 'bad-reply', url, `uses the content encoding "${shown}"`);
}
