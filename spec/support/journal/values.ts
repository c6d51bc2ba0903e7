// What crosses the edge of the coordinator, as JSON and back: the same text for the same value on
// every Node.

import { Bitfield } from '../../../lib/bytes/bitfield';
import type { TorrentState } from '../../../lib/coordinator/state';
import { MillraceError, recordOf } from '../../../lib/errors/millrace-error';
import type { ErrorRecord } from '../../../lib/errors/millrace-error';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** A value that JSON cannot express is an object with this key, its kind, and a `value`. */
const TAG = '$';

/** References that only the reader of a journal can restore. */
export interface Revive {
  torrent(id: number): TorrentState;
  /** A method of the value, by its name: `folder.keepsExactTimes`. */
  method(name: string): (...args: unknown[]) => unknown;
}

/** The canonical JSON of a value: no blanks, sorted keys. */
export function textOf(value: unknown): string {
  return JSON.stringify(encode(value));
}

export function encode(value: unknown): Json {
  switch (typeof value) {
    case 'boolean':
    case 'string':
      return value;
    case 'number':
      if (Object.is(value, -0)) return tagged('number', '-0');
      return Number.isFinite(value) ? value : tagged('number', String(value));
    case 'bigint':
      return tagged('bigint', String(value));
    case 'object':
      return value === null ? null : encodeObject(value);
    default:
      return tagged(typeof value);
  }
}

function encodeObject(value: object): Json {
  if (Array.isArray(value)) return value.map(encode);
  if (value instanceof Uint8Array) return tagged('bytes', hexOf(value));
  if (value instanceof SharedArrayBuffer) return tagged('shared', hexOf(new Uint8Array(value)));
  if (value instanceof Bitfield) return tagged('bits', [value.length, hexOf(value.bytes)]);
  if (value instanceof Set) return tagged('set', [...value].map(encode));
  if (value instanceof Map) return tagged('map', [...value].map(encode));
  if (value instanceof Error) return tagged('error', encode(recordOf(value)));
  if (value instanceof AbortSignal) return tagged('signal');
  if (isTorrent(value)) return tagged('torrent', value.id);
  const fields: { [key: string]: Json } = {};
  for (const [key, field] of Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    if (field !== undefined) fields[key] = encode(field);
  return fields;
}

/** `name`: where in the whole value this part lies. */
export function decode(json: Json, revive: Revive, name = ''): unknown {
  if (json === null || typeof json !== 'object') return json;
  if (Array.isArray(json)) return json.map((each, at) => decode(each, revive, inside(name, at)));
  const tag = json[TAG];
  if (typeof tag === 'string') return decodeTagged(tag, json['value'] ?? null, revive, name);
  return Object.fromEntries(
    Object.entries(json).map(([key, field]) => [key, decode(field, revive, inside(name, key))]),
  );
}

function decodeTagged(tag: string, json: Json, revive: Revive, name: string): unknown {
  switch (tag) {
    case 'undefined':
      return undefined;
    case 'number':
      return Number(json);
    case 'bigint':
      return BigInt(json as string);
    case 'bytes':
      return bytesOf(json as string);
    case 'shared': {
      const bytes = bytesOf(json as string);
      const buffer = new SharedArrayBuffer(bytes.length);
      new Uint8Array(buffer).set(bytes);
      return buffer;
    }
    case 'bits': {
      const [length, hex] = json as [number, string];
      return new Bitfield(length, bytesOf(hex));
    }
    case 'set':
      return new Set(decode(json, revive, name) as unknown[]);
    case 'map':
      return new Map(decode(json, revive, name) as [unknown, unknown][]);
    case 'error':
      return MillraceError.fromRecord(decode(json, revive) as ErrorRecord);
    case 'torrent':
      return revive.torrent(json as number);
    case 'function':
      return revive.method(name);
    default:
      throw new Error(`${name}: a value of the kind ${tag} can only be written down`);
  }
}

function inside(name: string, key: string | number): string {
  return name === '' ? String(key) : `${name}.${key}`;
}

function tagged(tag: string, value: Json = null): Json {
  return value === null ? { [TAG]: tag } : { [TAG]: tag, value };
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

function isTorrent(value: object): value is TorrentState {
  return 'book' in value && 'epoch' in value && 'infoHash' in value;
}
