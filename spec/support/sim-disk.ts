// The disk of one torrent at a desk: its resume records and the looks at its files, which are answered
// at once or when the spec says so.

import { FileWatch } from '../../lib/coordinator/file-watch';
import type { FileIdentity } from '../../lib/messages/storage';
import { pathOf } from '../../lib/metainfo/paths';
import type { DeskTorrent } from './sim-desk';

/** Something that the disk was asked and has not answered. */
export interface Held<Answer> {
  answer(answer: Answer): void;
  fail(error: Error): void;
}

export class SimDisk {
  /** Every resume record that was saved: `open` where more was to be written after it. */
  readonly records: ('open' | 'closed')[] = [];
  /** How the torrent's file looks; undefined when there is none. */
  file: FileIdentity | undefined;
  /** How often it was looked at. */
  looks = 0;
  #heldSaves: Held<void>[] | undefined;
  #heldLooks: Held<FileIdentity | undefined>[] | undefined;

  constructor({ state }: DeskTorrent) {
    Object.assign(state.storage, { module: 'files' });
    state.resumeFile.save = (_, { open }) => {
      this.records.push(open ? 'open' : 'closed');
      return answered(this.#heldSaves, () => undefined);
    };
    state.resumeFile.look = async () => {
      this.looks++;
      return [await answered(this.#heldLooks, () => this.file)];
    };
  }

  /** A disk whose file another program might touch: it looks as it was left. */
  static watching(torrent: DeskTorrent, nowMs: number): SimDisk {
    const disk = new SimDisk(torrent);
    const [file] = torrent.metainfo.files;
    if (file === undefined) throw new Error('the torrent has no file');
    const left = { sizeBytes: file.lengthBytes, mtimeNs: 100n, device: 1n, inode: 1n };
    disk.file = left;
    torrent.state.watch = new FileWatch([{ path: pathOf(file), ...left }], true, nowMs);
    return disk;
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
}

function answered<Answer>(held: Held<Answer>[] | undefined, atOnce: () => Answer): Promise<Answer> {
  if (held === undefined) return Promise.resolve(atOnce());
  return new Promise((answer, fail) => held.push({ answer, fail }));
}
