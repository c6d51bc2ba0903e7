// Values to bytes, in the one canonical form (BEP 3): keys sorted as raw bytes, shortest integers.
import { Buffer } from 'node:buffer';
import { compareBytes } from '../bytes/compare';
import { MillraceError } from '../errors/millrace-error';
import { bytesOfKey } from './text';
import { BencodeDictionary } from './value';

/** What can be encoded. Strings become UTF-8; keys whose value is undefined are left out. */
export type Encodable =
  | string
  | number
  | bigint
  | Uint8Array
  | BencodeDictionary
  | readonly Encodable[]
  | ReadonlyMap<string | Uint8Array, Encodable | undefined>
  | { readonly [key: string]: Encodable | undefined };

/** As deep as the decoder reads by default; a value that contains itself ends here. */
const MAX_DEPTH = 64;
/** What the decoder reads back: 20 digits. */
const INTEGER_BOUND = 10n ** 20n;

/**
 * The canonical bytes of a value. Throws `bad-bencode` for what bencode cannot say: fractions,
 * numbers beyond the safe integers (pass a bigint), equal keys, nesting deeper than 64.
 */
export function encode(value: Encodable): Uint8Array {
  const writer = new Writer();
  write(writer, value, 0);
  return writer.finish();
}

function write(writer: Writer, value: Encodable, depth: number): void {
  if (typeof value === 'string') writer.string(Buffer.from(value, 'utf8'));
  else if (typeof value === 'number' || typeof value === 'bigint') writer.integer(value);
  else if (value instanceof Uint8Array) writer.string(value);
  else if (depth >= MAX_DEPTH) throw bad(`nested deeper than ${MAX_DEPTH} levels`);
  else if (isList(value)) {
    writer.ascii('l');
    for (const item of value) write(writer, item, depth + 1);
    writer.ascii('e');
  } else {
    writeDictionary(writer, entriesOf(value), depth + 1);
  }
}

function writeDictionary(
  writer: Writer,
  entries: (readonly [Uint8Array, Encodable])[],
  depth: number,
): void {
  entries.sort((a, b) => compareBytes(a[0], b[0]));
  writer.ascii('d');
  let previous: Uint8Array | undefined;
  for (const [key, value] of entries) {
    if (previous !== undefined && compareBytes(previous, key) === 0) {
      throw bad('a dictionary has the same key twice');
    }
    previous = key;
    writer.string(key);
    write(writer, value, depth);
  }
  writer.ascii('e');
}

function entriesOf(
  value: Exclude<Encodable, string | number | bigint | Uint8Array | readonly Encodable[]>,
): (readonly [Uint8Array, Encodable])[] {
  const entries: (readonly [Uint8Array, Encodable])[] = [];
  const add = (key: string | Uint8Array, item: Encodable | undefined): void => {
    if (item !== undefined) entries.push([typeof key === 'string' ? bytesOfKey(key) : key, item]);
  };
  if (value instanceof BencodeDictionary) for (const key of value.keys()) add(key, value.get(key));
  else if (isMap(value)) for (const [key, item] of value) add(key, item);
  else for (const key of Object.keys(value)) add(key, value[key]);
  return entries;
}

// `Array.isArray` and `instanceof Map` do not narrow to the readonly types.
function isList(value: Encodable): value is readonly Encodable[] {
  return Array.isArray(value);
}

function isMap(value: object): value is ReadonlyMap<string | Uint8Array, Encodable | undefined> {
  return value instanceof Map;
}

/** One output buffer that doubles when full, so the whole costs linear time. */
class Writer {
  private bytes = Buffer.alloc(256);
  private length = 0;

  ascii(text: string): void {
    this.reserve(text.length);
    this.length += this.bytes.write(text, this.length, 'latin1');
  }

  string(content: Uint8Array): void {
    this.ascii(`${content.length}:`);
    this.reserve(content.length);
    this.bytes.set(content, this.length);
    this.length += content.length;
  }

  integer(value: number | bigint): void {
    if (typeof value === 'number' ? !Number.isSafeInteger(value) : !fits(value)) {
      throw bad(`${value} is not an integer that can be read back exactly`);
    }
    this.ascii(`i${value}e`); // the text of -0 is "0"
  }

  /** A copy of exactly what was written, in memory of its own. */
  finish(): Uint8Array {
    return new Uint8Array(this.bytes.subarray(0, this.length));
  }

  private reserve(more: number): void {
    const needed = this.length + more;
    if (needed <= this.bytes.length) return;
    const larger = Buffer.alloc(Math.max(needed, this.bytes.length * 2));
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
  }
}

function fits(value: bigint): boolean {
  return value < INTEGER_BOUND && value > -INTEGER_BOUND;
}

function bad(rule: string): MillraceError {
  return new MillraceError('bad-bencode', `cannot be bencoded: ${rule}`, { rule });
}
