// The disk of an engine under a spec's control: an output folder with one file, and resume records
// and file look-ups that are answered at once or when the spec decides.

import { Bitfield } from '../../lib/bytes/bitfield';
import { toHex } from '../../lib/bytes/hex';
import type { ReadonlyBitfield } from '../../lib/bytes/bitfield';
import type { Disk, RecordOutlet } from '../../lib/coordinator/outlets/disk';
import type { TorrentOptions } from '../../lib/messages/control';
import type { FileIdentity, StorageRef, StoredFile } from '../../lib/messages/storage';
import type { Metainfo } from '../../lib/metainfo/metainfo';
import type { OutputLook } from '../../lib/storage/output-check';
import type { FileStat } from '../../lib/storage/stat-files';
import type { StorageState } from '../../lib/storage/storage';
import type { RecordedFile } from '../../lib/storage/resume-record';
import type { ResumeState } from '../../lib/storage/resume-rules';
import type { LoadedRecord, TorrentShape } from '../../lib/storage/torrent-record';

/** Adds a torrent that is stored on the engine's disk, not in memory. */
export const ON_DISK: Partial<TorrentOptions> = { storage: undefined };

/** A call to the disk without an answer yet. */
export interface Held<Answer> {
  answer(answer: Answer): void;
  fail(error: Error): void;
}

const EMPTY_FILE: FileIdentity = { sizeBytes: 0, mtimeNs: 100n, device: 1n, inode: 2n };

export class SimDisk implements Disk {
  /** Every saved resume record: `open` where more was to be written after it. */
  readonly records: ('open' | 'closed')[] = [];
  /** The pieces that each of them names. */
  readonly recordedPieces: number[][] = [];
  /** The last one that was saved without an error, by this process or one before it. */
  saved: { readonly pieces: readonly number[]; readonly open: boolean } | undefined;
  /** The files that each of them lists. */
  readonly recordedFiles: (readonly RecordedFile[])[] = [];
  /** Identity of the first file from the time a torrent is added; undefined when there is none. */
  file: FileIdentity | undefined;
  /** The same of each further file; default: an empty one. */
  others: readonly (FileIdentity | undefined)[] | undefined;
  /** What the record of a torrent that is added says; default: there is none. */
  resume: (shape: TorrentShape) => Partial<ResumeState> = () => ({});
  /** Number of look-ups since then. */
  looks = 0;
  /** Info hashes that are locked now. */
  readonly locks: string[] = [];
  /** Metadata that was kept, by info hash. */
  readonly infos = new Map<string, Uint8Array>();
  /** What fails from now on. */
  failing: {
    readonly remove?: Error;
    readonly release?: Error;
    readonly save?: Error;
    readonly stat?: Error;
  } = {};
  /** The file lay there before, nobody knows whose it is, and it may be too long. */
  stranger: Pick<FileStat, 'sizeBytes'> | undefined;
  /** The same of files by their paths. */
  strangers: ReadonlyMap<string, Pick<FileStat, 'sizeBytes'> & Partial<FileStat>> = new Map();
  #heldOpenings: Held<void>[] | undefined;
  #heldSaves: Held<void>[] | undefined;
  #heldRemovals: Held<void>[] | undefined;
  #heldStats: Held<void>[] | undefined;
  #heldLooks: Held<FileIdentity | undefined>[] | undefined;

  /** Forgets what was saved so far. */
  sinceNow(): this {
    this.records.length = 0;
    this.recordedPieces.length = 0;
    this.recordedFiles.length = 0;
    return this;
  }

  /** From now on each back end takes until the spec says so to open. */
  holdOpenings(): Held<void>[] {
    return (this.#heldOpenings = []);
  }

  /** From now on each save waits until the spec answers it. */
  holdSaves(): Held<void>[] {
    return (this.#heldSaves = []);
  }

  /** From now on each deletion of a record waits until the spec answers it. */
  holdRemovals(): Held<void>[] {
    return (this.#heldRemovals = []);
  }

  /** From now on each look-up waits until the spec answers it. */
  holdLooks(): Held<FileIdentity | undefined>[] {
    return (this.#heldLooks = []);
  }

  /** From now on it takes until the spec says so to find out what bears the names of files. */
  holdStats(): Held<void>[] {
    return (this.#heldStats = []);
  }

  /** From now on the disk answers at once again. */
  holdNothing(): void {
    this.#heldOpenings = undefined;
    this.#heldSaves = undefined;
    this.#heldRemovals = undefined;
    this.#heldLooks = undefined;
    this.#heldStats = undefined;
  }

  /** What a process finds that starts after this one; `torn`: the last save was cut off. */
  resumed({ pieceCount }: TorrentShape, torn: boolean): Partial<ResumeState> {
    const have = new Bitfield(pieceCount);
    const recheck = new Bitfield(pieceCount);
    const saved = torn ? undefined : this.saved;
    for (const piece of saved?.pieces ?? []) have.set(piece);
    if (saved === undefined || saved.open)
      for (let piece = 0; piece < pieceCount; piece++) if (!have.get(piece)) recheck.set(piece);
    const status = torn ? 'unusable' : saved === undefined ? 'none' : 'crashed';
    return { status, have, recheck, reason: 'the process started again' };
  }

  // ---- called by the coordinator ----

  async namesOnDisk(metainfo: Metainfo): Promise<Metainfo> {
    return metainfo;
  }

  async checkOutput(
    root: string,
    files: readonly StoredFile[],
    _options?: Parameters<Disk['checkOutput']>[2],
  ): Promise<OutputLook> {
    const stats = files.map(({ path }, at) => this.#found(path, at));
    const places = files.map(({ path }) => `${root}/${path}`);
    return { root, stats, folders: [], places, hasLinks: false, fold: (name) => name };
  }

  /** Memory storage keeps no state; storage of another name keeps it, but in no output folder. */
  async openState({ module }: StorageRef, infoHash: string): Promise<StorageState | undefined> {
    if (this.#heldOpenings) await answered(this.#heldOpenings, () => undefined);
    if (module === 'memory') return undefined;
    return {
      ...(module === 'files' && {
        folder: { boot: undefined, keepsExactTimes: async () => true },
      }),
      lock: () => {
        this.locks.push(infoHash);
        return {
          release: () => {
            this.locks.splice(this.locks.indexOf(infoHash), 1);
            if (this.failing.release) throw this.failing.release;
          },
        };
      },
      load: () => undefined,
      save: () => undefined,
      loadInfo: async () => this.infos.get(infoHash),
      saveInfo: async (info) => {
        if (this.failing.save) throw this.failing.save;
        this.infos.set(infoHash, Uint8Array.from(info));
      },
      remove: () => void this.infos.delete(infoHash),
      stat: (paths) => paths.map(() => undefined),
    };
  }

  openRecord(_state: StorageState, shape: TorrentShape): RecordOutlet {
    return {
      load: async () => this.#load(shape),
      look: async () => {
        this.looks++;
        const file = await answered(this.#heldLooks, () => this.file);
        return [file, ...this.#others(shape)];
      },
      save: (have, { open, files }) => {
        this.records.push(open ? 'open' : 'closed');
        this.recordedPieces.push(piecesIn(have));
        this.recordedFiles.push(files);
        if (this.failing.save) return Promise.reject(this.failing.save);
        this.saved = { pieces: piecesIn(have), open };
        return answered(this.#heldSaves, () => undefined);
      },
      stat: async (paths) => {
        if (this.failing.stat) throw this.failing.stat;
        return paths.map((_, at) => (at === 0 ? this.file : undefined));
      },
      remove: async () => {
        if (this.failing.remove) throw this.failing.remove;
        this.infos.delete(toHex(shape.infoHash));
        if (this.#heldRemovals) await answered(this.#heldRemovals, () => undefined);
      },
    };
  }

  #found(path: string, at: number): FileStat | undefined {
    const found = this.strangers.get(path) ?? (at === 0 ? this.stranger : undefined);
    if (found === undefined) return undefined;
    const times = { mtimeNs: 50n, bornNs: 50n };
    return { ...times, kind: 'file', device: 1n, inode: BigInt(at + 1), names: 1, ...found };
  }

  /** The files after the first. */
  #others({ files }: TorrentShape): (FileIdentity | undefined)[] {
    const [, ...others] = files;
    return others.map((_, at) => (this.others ? this.others[at] : EMPTY_FILE));
  }

  /** No record; every piece may be there. */
  #load(shape: TorrentShape): LoadedRecord {
    const { pieceCount, files } = shape;
    const [first] = files;
    if (first === undefined) throw new Error('the torrent has no file');
    this.file = this.#found(first.path, 0) ?? {
      sizeBytes: first.lengthBytes,
      mtimeNs: 100n,
      device: 1n,
      inode: 1n,
    };
    const recheck = new Bitfield(pieceCount);
    recheck.setAll();
    return {
      status: 'none',
      have: new Bitfield(pieceCount),
      recheck,
      ours: new Set(
        files.map(({ path }) => path).filter((path, at) => this.#found(path, at) === undefined),
      ),
      reason: 'there is no record',
      present: [this.file, ...this.#others(shape)],
      exactTimes: true,
      ...this.resume(shape),
    };
  }

  claimFiles: Disk['claimFiles'] = async () => ({ release: () => undefined });
  findConflict: Disk['findConflict'] = async () => undefined;
  statFiles: Disk['statFiles'] = async (_root, paths) => {
    await answered(this.#heldStats, () => undefined);
    return paths.map((path, at) => this.#found(path, at));
  };
  cutLonger: Disk['cutLonger'] = async (_root, files) => {
    const [first] = files;
    const isLonger = first && this.file && this.file.sizeBytes > first.lengthBytes;
    if (!isLonger) return [];
    this.file = { ...this.file, sizeBytes: first.lengthBytes, mtimeNs: 200n } as FileIdentity;
    return [first.path];
  };
  isBlank: Disk['isBlank'] = async () => true;
  recordedOwner: Disk['recordedOwner'] = async () => undefined;
  readMade: Disk['readMade'] = async () => new Set();
  noteMade: Disk['noteMade'] = () => undefined;
  forgetMade: Disk['forgetMade'] = () => undefined;
}

function piecesIn(have: ReadonlyBitfield): number[] {
  const pieces: number[] = [];
  for (let piece = have.nextSet(0); piece !== -1; piece = have.nextSet(piece + 1))
    pieces.push(piece);
  return pieces;
}

function answered<Answer>(held: Held<Answer>[] | undefined, atOnce: () => Answer): Promise<Answer> {
  if (held === undefined) return Promise.resolve(atOnce());
  return new Promise((answer, fail) => held.push({ answer, fail }));
}
