// PURE. Measurements of this machine and of name look-ups, as findings.

import { toHex } from '../bytes/hex';
import type { Metainfo } from '../metainfo/metainfo';
import type { Subject } from './subject';
import { contentBytes } from '../metainfo/layout';
import type {
  AddressFinding,
  ClockFinding,
  DnsFinding,
  PortFinding,
  SpaceFinding,
  TorrentFinding,
  WriteFinding,
} from './findings';
import { countOrNo } from '../text/counts';
import { roughBytes, roughDuration } from '../text/quantities';
import { causeText } from './causes';

export function torrentFinding(
  { name, infoHash, metainfo }: Subject,
  trackers: number,
  trackersLeftOut: number,
): TorrentFinding {
  const left = trackersLeftOut > 0 ? ` (${trackersLeftOut} of them are not asked)` : '';
  return {
    check: 'torrent',
    level: trackers === 0 ? 'warn' : 'ok',
    infoHash: toHex(infoHash),
    name,
    ...(metainfo && {
      totalBytes: contentBytes(metainfo),
      pieceCount: metainfo.pieceCount,
    }),
    trackers,
    trackersLeftOut,
    message: `${name}: ${sizeOf(metainfo)}, names ${countOrNo(trackers, 'tracker')}${left}`,
  };
}

function sizeOf(metainfo: Metainfo | undefined): string {
  if (metainfo === undefined) return 'a magnet link';
  return `${roughBytes(contentBytes(metainfo))} in ${countOrNo(metainfo.pieceCount, 'piece')}`;
}

export function spaceFinding(
  folder: string,
  freeBytes: number | undefined,
  missingBytes: number,
): SpaceFinding {
  const missing =
    missingBytes === 0
      ? 'the files are all there already, in length'
      : `${roughBytes(missingBytes)} still to write`;
  const head = { check: 'space', folder, missingBytes } as const;
  if (freeBytes === undefined) {
    return { ...head, level: 'skip', message: `${folder}: free space unknown; ${missing}` };
  }
  const level = freeBytes < missingBytes ? 'fail' : 'ok';
  return {
    ...head,
    freeBytes,
    level,
    message: `${folder}: ${roughBytes(freeBytes)} free, ${missing}`,
  };
}

export function writeFinding(folder: string, cause: string | undefined): WriteFinding {
  return {
    check: 'write',
    level: cause === undefined ? 'ok' : 'fail',
    folder,
    cause,
    message:
      cause === undefined
        ? `${folder}: files can be written`
        : `${folder}: cannot be written: ${causeText(cause)}`,
  };
}

export function portFinding(
  port: number,
  reachedAt: readonly string[],
  notReachedAt: readonly string[],
  cause?: string,
): PortFinding {
  const head = { check: 'port', port, reachedAt, notReachedAt, cause } as const;
  if (cause !== undefined) {
    const message = `${port}: cannot be listened on: ${causeText(cause)}`;
    return { ...head, level: 'fail', message };
  }
  const yes = reachedAt.length === 0 ? 'not reachable' : `reachable at ${reachedAt.join(', ')}`;
  const no = notReachedAt.length === 0 ? '' : `, not at ${notReachedAt.join(', ')}`;
  const level = notReachedAt.length > 0 || reachedAt.length === 0 ? 'warn' : 'ok';
  const remark = '; whether through your router, only others can see';
  return { ...head, level, message: `${port}: from this machine ${yes}${no}${remark}` };
}

export function addressFinding(externalIp: string, ownIps: readonly string[]): AddressFinding {
  const translated = !ownIps.includes(externalIp);
  const message = translated
    ? `trackers see you as ${externalIp}, which this machine does not have: peers reach you only if a router forwards the port`
    : `trackers see you as ${externalIp}, an address of this machine`;
  return { check: 'address', level: translated ? 'warn' : 'ok', externalIp, translated, message };
}

export function dnsFinding(host: string, addresses: readonly string[], cause?: string): DnsFinding {
  const message =
    cause === undefined
      ? `${host}: ${addresses.join(', ')}`
      : `${host}: cannot be looked up: ${causeText(cause)}`;
  return {
    check: 'dns',
    level: cause === undefined ? 'ok' : 'fail',
    host,
    addresses,
    cause,
    message,
  };
}

/** Certificates are often dated a few minutes back; beyond that, new ones begin to fail. */
export const MAX_CLOCK_SEC = 300;

/**
 * `aheadSec`: one value for each tracker reply with a time; the smallest counts, so a wrong one
 * does no harm.
 */
export function clockFinding(aheadSec: readonly number[]): ClockFinding {
  const [first, ...others] = aheadSec;
  if (first === undefined) {
    return { check: 'clock', level: 'skip', message: 'no tracker sent a time to compare with' };
  }
  const nearest = Math.round(others.reduce((a, b) => (Math.abs(b) < Math.abs(a) ? b : a), first));
  const off = Math.abs(nearest);
  if (off <= MAX_CLOCK_SEC) {
    const message = `within ${roughDuration(Math.max(off, 1))} of a tracker's`;
    return { check: 'clock', level: 'ok', aheadSec: nearest, message };
  }
  const message = `${roughDuration(off)} ${nearest > 0 ? 'ahead of' : 'behind'} that of a tracker`;
  return { check: 'clock', level: 'warn', aheadSec: nearest, message };
}
