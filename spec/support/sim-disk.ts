// The disk of an engine in a spec's hands: an output folder in which one file lies as it was left, and
// resume records and looks at the file that are answered at once or when the spec says so.

import { Bitfield } from '../../lib/bytes/bitfield';
import type { ReadonlyBitfield } from '../../lib/bytes/bitfield';
import type { Disk, RecordOutlet } from '../../lib/coordinator/disk';
import type { TorrentOptions } from '../../lib/messages/control';
import type { FileIdentity, StorageRef, StoredFile } from '../../lib/messages/storage';
import type { Metainfo } from '../../lib/metainfo/metainfo';
import type { OutputLook } from '../../lib/storage/output-check';
import type { StorageState } from '../../lib/storage/storage';
import type { LoadedRecord, TorrentShape } from '../../lib/storage/torrent-record';

/** Adds a torrent that is stored on the engine's disk, not in memory. */
export const ON_DISK: Partial<TorrentOptions> = { storage: undefined };

/** Something that the disk was asked and has not answered. */
export interface Held<Answer> {
  answer(answer: Answer): void;
  fail(error: Error): void;
}

export class SimDisk implements Disk {
  /** Every resume record that was saved: `open` where more was to be written after it. */
  readonly records: ('open' | 'closed')[] = [];
  /** The pieces that each of them names. */
  readonly recordedPieces: number[][] = [];
  /** How the first file looks, from when a torrent is added; undefined when there is none. */
  file: FileIdentity | undefined;
  /** How often it was looked at since. */
  looks = 0;
  /** Info hashes that are locked now. */
  readonly locks: string[] = [];
  #heldSaves: Held<void>[] | undefined;
  #heldLooks: Held<FileIdentity | undefined>[] | undefined;

  /** Forgets what was saved so far. */
  sinceNow(): this {
    this.records.length = 0;
    this.recordedPieces.length = 0;
    return this;
  }

  /** From now on records take until the spec says that they are saved. */
  holdSaves(): Held<void>[] {
    return (this.#heldSaves = []);
  }

  /** From now on looks take until the spec says what they see. */
  holdLooks(): Held<FileIdentity | undefined>[] {
    return (this.#heldLooks = []);
  }

  /** From now on the disk answers at once again. */
  holdNothing(): void {
    this.#heldSaves = undefined;
    this.#heldLooks = undefined;
  }

  // ---- what the coordinator asks ----

  async namesOnDisk(metainfo: Metainfo): Promise<Metainfo> {
    return metainfo;
  }

  async checkOutput(root: string, files: readonly StoredFile[]): Promise<OutputLook> {
    const stats = files.map(() => undefined);
    const places = files.map(({ path }) => `${root}/${path}`);
    return { root, stats, folders: [], places, hasLinks: false, fold: (name) => name };
  }

  /** Memory remembers nothing. */
  async openState({ module }: StorageRef, infoHash: string): Promise<StorageState | undefined> {
    if (module !== 'files') return undefined;
    return {
      folder: { boot: undefined, keepsExactTimes: async () => true },
      lock: () => {
        this.locks.push(infoHash);
        return { release: () => void this.locks.splice(this.locks.indexOf(infoHash), 1) };
      },
      load: () => undefined,
      save: () => undefined,
      remove: () => undefined,
      stat: (paths) => paths.map(() => undefined),
    };
  }

  openRecord(_state: StorageState, shape: TorrentShape): RecordOutlet {
    return {
      load: async () => this.#load(shape),
      look: async () => {
        this.looks++;
        return [await answered(this.#heldLooks, () => this.file)];
      },
      save: (have, { open }) => {
        this.records.push(open ? 'open' : 'closed');
        this.recordedPieces.push(piecesIn(have));
        return answered(this.#heldSaves, () => undefined);
      },
      stat: async (paths) => paths.map(() => undefined),
      remove: async () => undefined,
    };
  }

  /** No record; every piece may be there. */
  #load({ pieceCount, files }: TorrentShape): LoadedRecord {
    const [first] = files;
    if (first === undefined) throw new Error('the torrent has no file');
    this.file = { sizeBytes: first.lengthBytes, mtimeNs: 100n, device: 1n, inode: 1n };
    const recheck = new Bitfield(pieceCount);
    recheck.setAll();
    return {
      status: 'none',
      have: new Bitfield(pieceCount),
      recheck,
      ours: new Set(files.map(({ path }) => path)),
      reason: 'there is no record',
      present: [this.file],
      exactTimes: true,
    };
  }

  claimFiles = async (): Promise<{ release(): void }> => ({ release: () => undefined });
  findConflict = async (): Promise<undefined> => undefined;
  statFiles = async (_root: string, paths: readonly string[]): Promise<undefined[]> =>
    paths.map(() => undefined);
  cutLonger = async (): Promise<string[]> => [];
  isBlank = async (): Promise<boolean> => true;
  recordedOwner = async (): Promise<undefined> => undefined;
  readMade = async (): Promise<ReadonlySet<string>> => new Set();
  noteMade = (): void => undefined;
  forgetMade = (): void => undefined;
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
