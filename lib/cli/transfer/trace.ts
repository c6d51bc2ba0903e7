// The wire trace of `download` and `seed`: its options, the destination of lines, and a final
// notice.

import { Option } from 'commander';
import { MIB } from '../../bytes/lengths';
import type { TraceOptions, TraceStatus } from '../../index';
import type { Api, Io } from '../context';
import { nonEmpty, tracedPeerList } from '../options/parsers';
import type { EngineFlags } from '../options/shared';
import { size } from '../options/quantities';

const TIB = 1024 * 1024 * MIB;

/** The file name that means lines on stdout. */
const STDOUT = '-';

export function traceOptions(): readonly Option[] {
  return [
    new Option(
      '--trace <FILE>',
      'write what peers say to FILE (pcapng, for Wireshark), or as lines on stdout: -',
    ).argParser(nonEmpty),
    new Option(
      '--trace-peer <HOST[:PORT]>',
      'trace only this peer; repeatable (default: all)',
    ).argParser(tracedPeerList),
    new Option('--trace-payload', 'keep blocks whole in FILE, not only what heads them'),
    new Option(
      '--trace-limit <SIZE>',
      'end the trace when FILE has this size, 1M-1T (default: 256M)',
    ).argParser(size({ lowBytes: MIB, highBytes: TIB, plain: 'MiB', example: '500M or 2G' })),
  ];
}

export function isTracedToStdout({ trace }: EngineFlags): boolean {
  return trace === STDOUT;
}

/**
 * The engine's trace options. Throws `bad-option` (wrong usage) if options contradict each other.
 */
export function traceOf(flags: EngineFlags, io: Io, api: Api): TraceOptions | undefined {
  const { trace: file, tracePeer: peers, tracePayload: payload, traceLimit: limitBytes } = flags;
  const wrong = (rule: string): Error => new api.MillraceError('bad-option', rule);
  if (file === undefined) {
    if (!(peers ?? payload ?? limitBytes)) return undefined;
    throw wrong('--trace-peer, --trace-payload and --trace-limit need --trace');
  }
  if (file !== STDOUT) {
    return { file, peers, payload, limitBytes };
  }
  if (flags.json) throw wrong('--trace - and --json both want stdout: name a FILE to trace to');
  if (payload ?? limitBytes) {
    throw wrong('--trace-payload and --trace-limit need a FILE to trace to');
  }
  return {
    peers,
    onLines(lines, lost) {
      io.stdout(lines.map((line) => `${line}\n`).join(''));
      if (lost > 0) io.stdout(`(${lost} lines came faster than they were read, and are lost)\n`);
    },
  };
}

/** Reports a trace that ended before the command. */
export function traceNotice(status: TraceStatus | undefined): string | undefined {
  switch (status?.stopped) {
    case undefined:
      return undefined;
    case 'limit':
      return `the trace in ${status?.file} ended at its limit: --trace-limit sets another`;
    case 'failed':
      return `the trace in ${status?.file} ended because it could not be written`;
  }
}
