// Findings as a spec wants them: only what matters is named, the rest is as in a healthy swarm.

import type {
  ClockFinding,
  DnsFinding,
  PeerFinding,
  PiecesFinding,
  PortFinding,
  SpaceFinding,
  TrackerFinding,
  WriteFinding,
} from '../../lib/doctor/findings';

const ok = { level: 'ok', message: '' } as const;

export function tracker(change: Partial<TrackerFinding> = {}): TrackerFinding {
  return {
    ...ok,
    check: 'tracker',
    url: 'http://tracker.example/announce',
    tier: 0,
    state: 'answers',
    known: true,
    seeds: 2,
    leechers: 0,
    peers: 2,
    elapsedMs: 1,
    ...change,
  };
}

/** Answers, and has never heard of the torrent. */
export const strange = (): TrackerFinding =>
  tracker({ level: 'warn', known: false, seeds: 0, leechers: 0, peers: 0 });

export function lost(cause: string, change: Partial<TrackerFinding> = {}): TrackerFinding {
  return tracker({
    level: 'fail',
    state: 'fails',
    known: undefined,
    seeds: undefined,
    leechers: undefined,
    peers: 0,
    code: 'tracker-unreachable',
    cause,
    ...change,
  });
}

export const refusal = (reason: string, known?: boolean): TrackerFinding =>
  lost('', { state: 'refuses', code: 'tracker-failure', cause: undefined, reason, known });

export const dns = (cause?: string, host = 'tracker.example'): DnsFinding => ({
  check: 'dns',
  level: cause === undefined ? 'ok' : 'fail',
  message: '',
  host,
  addresses: cause === undefined ? ['192.0.2.1'] : [],
  cause,
});

export const peer = (outcome: PeerFinding['outcome'], cause?: string): PeerFinding => ({
  ...ok,
  check: 'peer',
  host: '192.0.2.9',
  port: 6881,
  outcome,
  cause,
  elapsedMs: 1,
});

export function pieces(change: Partial<PiecesFinding> = {}): PiecesFinding {
  return {
    ...ok,
    check: 'pieces',
    pieceCount: 10,
    knownPeers: 2,
    triedPeers: 2,
    talkingPeers: 2,
    wholePeers: 1,
    missingPieces: 0,
    missing: [],
    ...change,
  };
}

/** Two peers talk, and neither has pieces 3 to 5. */
export const lacking = (change: Partial<PiecesFinding> = {}): PiecesFinding =>
  pieces({ wholePeers: 0, missingPieces: 3, missing: [{ first: 3, last: 5 }], ...change });

/** Nobody talks. */
export const mute = (known: number): PiecesFinding =>
  pieces({ knownPeers: known, triedPeers: known, talkingPeers: 0, wholePeers: 0 });

export const clock = (aheadSec: number): ClockFinding => ({
  check: 'clock',
  level: Math.abs(aheadSec) > 300 ? 'warn' : 'ok',
  message: '',
  aheadSec,
});

export const space = (freeBytes: number, missingBytes: number): SpaceFinding => ({
  check: 'space',
  level: freeBytes < missingBytes ? 'fail' : 'ok',
  message: '',
  folder: '/data',
  freeBytes,
  missingBytes,
});

export const write = (cause?: string): WriteFinding => ({
  check: 'write',
  level: cause === undefined ? 'ok' : 'fail',
  message: '',
  folder: '/data',
  cause,
});

export const port = (cause?: string): PortFinding => ({
  check: 'port',
  level: cause === undefined ? 'ok' : 'fail',
  message: '',
  port: 6881,
  reachedAt: [],
  notReachedAt: [],
  cause,
});
