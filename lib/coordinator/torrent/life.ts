// The life of a torrent as a state machine: its phases, the data of each, and which phase may
// follow which. No other file changes the phase.

import { MillraceError } from '../../errors/millrace-error';
import type { ErrorRecord } from '../../errors/millrace-error';
import type { TorrentPhase } from '../../messages/stats';

/** Its content is not known yet: peers are found and connected, and nothing is transferred. */
export interface FindingMetadata {
  readonly phase: 'metadata';
}

/** Its files are compared with the record, and read where needed. */
export interface Checking {
  readonly phase: 'checking';
  /**
   * `settling`: writes of the last run become durable. `saving`: a record of them is saved.
   * `looking`: the files are compared with how we left them. `hashing`: pieces are read.
   * `admitting`: files that no record of ours lists are checked.
   */
  step: 'settling' | 'saving' | 'looking' | 'hashing' | 'admitting';
  /** A record must be saved before the files are looked at. */
  recordFirst: boolean;
  /**
   * This run began with `metadata`: it has peers, and its announces go on. Its peers learn what we
   * have once the check is over.
   */
  readonly inSwarm: boolean;
}

/** Missing pieces are being fetched. */
export interface Downloading {
  readonly phase: 'downloading';
}

/** Every wanted piece is verified. The torrent serves them, or was only to be downloaded. */
export interface Whole {
  readonly phase: 'seeding' | 'complete';
  /**
   * `settling`: the last pieces become durable. `looking`: the files are compared with how we left
   * them. `saving`: a record of them is saved. `reported`: the event `complete` was emitted.
   */
  step: 'settling' | 'looking' | 'saving' | 'reported';
}

/** No data is sent or received. */
export interface Stopped {
  readonly phase: 'paused' | 'failed';
  /**
   * `settling`: verified pieces become durable. `saving`: a record of them is saved. `rest`:
   * nothing is left to do.
   */
  step: 'settling' | 'saving' | 'rest';
  /** Why it failed; kept when a failed torrent is paused. One may come while it settles. */
  error: TorrentError | undefined;
}

/** It is being removed. */
export interface Closed {
  readonly phase: 'closed';
  /**
   * The steps of `Stopped`; then `forgetting`: its record is deleted. `leaving`: trackers get
   * `stopped`. `releasing`: its lock is released. `gone`: nothing is left.
   */
  step: 'settling' | 'saving' | 'forgetting' | 'leaving' | 'releasing' | 'gone';
  readonly error: TorrentError | undefined;
  /** Delete its record. */
  readonly forget: boolean;
}

export type TorrentError = Pick<ErrorRecord, 'code' | 'message'>;

/** The life of a torrent whose content is known. */
export type KnownLife = Checking | Downloading | Whole | Stopped | Closed;

export type Life = FindingMetadata | KnownLife;

/** For each phase, the phases that may follow it, and why they do. */
export const TRANSITIONS: Readonly<
  Record<TorrentPhase, Readonly<Partial<Record<TorrentPhase, string>>>>
> = {
  metadata: {
    checking: 'its content is known',
    paused: 'pause()',
    failed: 'an error',
    closed: 'remove()',
  },
  checking: {
    downloading: 'pieces are missing',
    seeding: 'whole, to be seeded',
    complete: 'whole, not to be seeded',
    paused: 'pause()',
    failed: 'an error, or missing pieces that are not to be fetched',
    closed: 'remove()',
  },
  downloading: {
    seeding: 'the last piece, to be seeded',
    complete: 'the last piece, not to be seeded',
    paused: 'pause()',
    failed: 'an error',
    closed: 'remove()',
  },
  seeding: {
    checking: 'a file was touched',
    paused: 'pause()',
    failed: 'an error',
    closed: 'remove()',
  },
  complete: {
    checking: 'a file was touched',
    paused: 'pause()',
    failed: 'an error',
    closed: 'remove()',
  },
  paused: {
    metadata: 'resume(), its content is not known',
    checking: 'resume()',
    closed: 'remove()',
  },
  failed: {
    metadata: 'resume(), its content is not known',
    checking: 'resume()',
    paused: 'pause()',
    closed: 'remove()',
  },
  closed: {},
};

/** The life that a new torrent starts with. */
export function newLife(): Life {
  return { phase: 'metadata' };
}

/** A run of a torrent whose content is known begins. */
export function newCheck({ recordFirst = false, inSwarm = false } = {}): Checking {
  return { phase: 'checking', step: 'settling', recordFirst, inSwarm };
}

/** Enters the next phase. Throws on a transition that the table lacks: that is a bug of ours. */
export function enter(torrent: { life: Life }, next: Life): void {
  const { phase } = torrent.life;
  if (TRANSITIONS[phase][next.phase] === undefined)
    throw new MillraceError(
      'unexpected',
      `a torrent that is ${phase} cannot become ${next.phase} (lib/coordinator/torrent/life.ts)`,
    );
  torrent.life = next;
}

/** It is open on the peer threads, and announced: it has peers, or may get some. */
export function isInSwarm(life: Life): boolean {
  if (life.phase === 'checking') return life.inSwarm;
  return life.phase === 'metadata' || transfers(life);
}

/** It may send and receive pieces: its peers learn what it consists of, and what of that we have. */
export function transfers({ phase }: Life): boolean {
  return phase === 'downloading' || phase === 'seeding' || phase === 'complete';
}

/** It wants something that only peers have: its pieces, or to know what it consists of. */
export function needsPeers({ phase }: Life): boolean {
  return phase === 'metadata' || phase === 'downloading';
}

/** Why it failed; undefined while it runs. */
export function errorOf(life: Life): TorrentError | undefined {
  return 'error' in life ? life.error : undefined;
}
