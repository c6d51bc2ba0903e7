// The wire trace for embedders: checks its options, creates the file, reports its state. Peer
// threads write the trace.

import { closeSync, ftruncateSync, writeSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { KIB } from '../bytes/lengths';
import { parseHostPort } from '../address/host-port';
import { MillraceError, recordOf } from '../errors/millrace-error';
import { systemAdvice, withPath } from '../errors/system-error';
import { TRACE_COUNTER_BYTES, TRACE_STOPPED, TRACE_STOPPED_WORD } from '../messages/trace';
import type { TracedPeer, TraceSettings } from '../messages/trace';
import { OPEN_TO_WRITE, openRegular } from '../storage/open-regular';
import type * as pcapng from '../trace/pcapng';
import {
  badOption,
  callback,
  checkValue,
  flag,
  group,
  list,
  optional,
  orElse,
  shown,
  text,
  wholeNumber,
} from './checks';
import type { Check, Checks } from './checks';

/** What is traced, and where to: `file`, `onLines` or both. */
export interface TraceOptions {
  /**
   * A pcapng file for Wireshark, with each message to or from a peer as a TCP segment of its own.
   * An existing file is replaced.
   */
  readonly file?: string;
  /**
   * Called with the same messages as text, in batches. Each line has the seconds since the start,
   * the peer, the direction (`→` sent, `←` received, `·` a local decision), the message and its
   * fields. `lost` is the number of lines that were dropped before the next batch because the
   * callback was too slow.
   */
  readonly onLines?: (lines: readonly string[], lost: number) => void;
  /** Store blocks in full in the file, not only their 13-byte headers. Default false. */
  readonly payload?: boolean;
  /** Size limit of the file in bytes, 64 KiB–1 TiB; the trace then ends. Default 256 MiB. */
  readonly limitBytes?: number;
  /** Trace only these peers: `host`, `host:port`, `[v6]:port`. Default: all. */
  readonly peers?: readonly string[];
}

/** State of the trace file. */
export interface TraceStatus {
  /** Absolute path. */
  readonly file: string;
  readonly writtenBytes: number;
  /**
   * `limit`: the file has reached its size limit; `failed`: it could not be written (see the log).
   */
  readonly stopped: 'limit' | 'failed' | undefined;
}

const MIN_LIMIT_BYTES = 64 * KIB;
const MAX_LIMIT_BYTES = KIB ** 4;
const DEFAULT_LIMIT_BYTES = 256 * KIB * KIB;

/** Accepts `host`, `host:port`, `v6`, `[v6]`, `[v6]:port`. */
const tracedPeer: Check<TracedPeer> = (_, text) => {
  const written = typeof text === 'string' ? text : '';
  const peer = isIP(written) === 6 ? { host: written } : parseHostPort(written);
  if (peer === undefined) {
    throw badOption(
      'trace.peers',
      `must name peers as HOST, HOST:PORT or [IPV6]:PORT with a port from 1 to 65535, not ${shown(text)}`,
    );
  }
  return peer;
};

const TRACE = group({
  file: optional(text('the path of a file')),
  onLines: callback<NonNullable<TraceOptions['onLines']>>(),
  payload: flag(false),
  limitBytes: wholeNumber(MIN_LIMIT_BYTES, MAX_LIMIT_BYTES, DEFAULT_LIMIT_BYTES),
  peers: orElse([], list('peers', tracedPeer)),
} satisfies Checks<TraceOptions>);

/** Checks the options and creates the file. Throws `bad-option`, `trace-not-writable`. */
export function beginTrace(
  options: TraceOptions | undefined,
  version: string,
): TraceSettings | undefined {
  if (options === undefined) return undefined;
  const { file, onLines, payload, limitBytes, peers } = checkValue('trace', () => options, TRACE);
  if (file === undefined && onLines === undefined) {
    throw badOption('trace', 'needs a file, onLines, or both');
  }
  const settings: TraceSettings = {
    file: file === undefined ? undefined : resolve(file),
    lines: onLines !== undefined,
    payload,
    limitBytes,
    peers,
    startedMs: performance.timeOrigin + performance.now(),
    counter: new SharedArrayBuffer(TRACE_COUNTER_BYTES),
  };
  if (settings.file !== undefined) beginFile(settings, settings.file, version);
  return settings;
}

/** The state of the trace file; undefined if there is none. */
export function traceStatus(settings: TraceSettings | undefined): TraceStatus | undefined {
  if (settings?.file === undefined) return undefined;
  const code = Atomics.load(new Int32Array(settings.counter), TRACE_STOPPED_WORD);
  const stopped =
    code === TRACE_STOPPED.limit ? 'limit' : code === TRACE_STOPPED.failed ? 'failed' : undefined;
  const writtenBytes = Number(Atomics.load(new BigInt64Array(settings.counter, 0, 1), 0));
  return { file: settings.file, writtenBytes, stopped };
}

function beginFile({ counter }: TraceSettings, file: string, version: string): void {
  // Loaded only for traces.
  const { encodeFileHeader } = require('../trace/pcapng') as typeof pcapng;
  const header = encodeFileHeader(`Millrace ${version}`);
  try {
    const fd = openRegular(file, OPEN_TO_WRITE);
    try {
      ftruncateSync(fd, 0);
      writeSync(fd, header);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    const { message } = recordOf(withPath(error, file));
    const { code } = error as NodeJS.ErrnoException;
    const elsewhere = '; name a file in a folder that exists and may be written to';
    const advice = error instanceof MillraceError ? '' : systemAdvice(code) || elsewhere;
    throw new MillraceError(
      'trace-not-writable',
      `the trace cannot be written: ${message}${advice}`,
    );
  }
  Atomics.store(new BigInt64Array(counter, 0, 1), 0, BigInt(header.length));
}
