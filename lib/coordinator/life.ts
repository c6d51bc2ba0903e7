// The life of a torrent as a state machine: its phases, what each of them carries, and which phase may follow
// which. Nothing else changes the phase.

import { MillraceError } from '../errors/millrace-error';
import type { ErrorRecord } from '../errors/millrace-error';
import type { TorrentPhase } from '../messages/stats';

/** Its files are looked at and read. */
export interface Checking {
  readonly phase: 'checking';
  /**
   * `settling`: what the last run was writing becomes durable. `saving`: so does a record of it. `looking`: the
   * files are compared with how they were left. `hashing`: pieces are read. `admitting`: files that are not ours
   * by record are judged.
   */
  step: 'settling' | 'saving' | 'looking' | 'hashing' | 'admitting';
  /** A record is to be saved before the files are looked at. */
  recordFirst: boolean;
}

/** Pieces are missing and fetched. */
export interface Downloading {
  readonly phase: 'downloading';
}

/** Every piece is verified: it is served, or was only to be fetched. */
export interface Whole {
  readonly phase: 'seeding' | 'complete';
  /**
   * `settling`: the last pieces become durable. `looking`: the files are compared with how they were left.
   * `saving`: a record of them is made. `told`: the app knows that it is complete.
   */
  step: 'settling' | 'looking' | 'saving' | 'told';
}

/** Nothing is sent or received. */
export interface Stopped {
  readonly phase: 'paused' | 'failed';
  /** `settling`: what is verified becomes durable. `saving`: so does a record of it. `rest`: all is done. */
  step: 'settling' | 'saving' | 'rest';
  /** Why it failed, also if it was paused then. */
  readonly error: TorrentError | undefined;
}

/** It is being removed. */
export interface Closed {
  readonly phase: 'closed';
  /**
   * As of `Stopped`; then `forgetting`: its record is deleted. `leaving`: trackers are told. `releasing`: its
   * lock is given back. `gone`: so is all else.
   */
  step: 'settling' | 'saving' | 'forgetting' | 'leaving' | 'releasing' | 'gone';
  readonly error: TorrentError | undefined;
  /** Its record is not to be kept. */
  readonly forget: boolean;
}

export type TorrentError = Pick<ErrorRecord, 'code' | 'message'>;

export type Life = Checking | Downloading | Whole | Stopped | Closed;

/** From each phase to those that may follow it, and why they do. */
export const TRANSITIONS: Readonly<
  Record<TorrentPhase, Readonly<Partial<Record<TorrentPhase, string>>>>
> = {
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
  paused: { checking: 'resume()', closed: 'remove()' },
  failed: { checking: 'resume()', paused: 'pause()', closed: 'remove()' },
  closed: {},
};

/** The life of a torrent that is added. */
export function newLife(): Life {
  return { phase: 'checking', step: 'settling', recordFirst: false };
}

/** Goes to the next phase. Throws where the table does not have that step: a bug of ours. */
export function enter(torrent: { life: Life }, next: Life): void {
  const { phase } = torrent.life;
  if (TRANSITIONS[phase][next.phase] === undefined)
    throw new MillraceError(
      'unexpected',
      `a torrent that is ${phase} cannot become ${next.phase} (lib/coordinator/life.ts)`,
    );
  torrent.life = next;
}

/** It has peers, or may get some. */
export function transfers({ phase }: Life): boolean {
  return phase === 'downloading' || phase === 'seeding' || phase === 'complete';
}

/** Why it failed; undefined while it is at work. */
export function errorOf(life: Life): TorrentError | undefined {
  return 'error' in life ? life.error : undefined;
}
