// EDGE. Decompresses reply bodies, with a size limit.

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

/** Decompresses a body, or returns it if it is not compressed. Rejects with `<subject>-bad-reply`. */
export async function decompress(
  { encoding, body }: { readonly encoding: string; readonly body: Buffer },
  url: URL,
  { subject, maxBodyBytes }: { readonly subject: Subject; readonly maxBodyBytes: number },
): Promise<Buffer> {
  // An unknown value ("none", "utf-8") is a mistake of the server: the body is not compressed.
  if (!COMPRESSIONS.has(encoding) || body.length === 0) return body;
  // A few bytes can inflate to gigabytes: the output has the same limit as the body.
  const limits = { maxOutputLength: maxBodyBytes };
  try {
    if (encoding === 'gzip' || encoding === 'x-gzip') return await gunzip(body, limits);
    // "deflate" means zlib in the standard and raw deflate on many servers: method 8 identifies a
    // zlib header.
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
