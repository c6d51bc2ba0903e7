// The disk as the coordinator sees it: all that it asks of files itself. Pieces are written and read by
// others (verify workers, peer threads).

import type { Metainfo } from '../metainfo/metainfo';
import type { NameMapping } from '../metainfo/names';
import { claimFiles, findConflict } from '../storage/claims';
import { isBlank, recordedOwner } from '../storage/foreign-files';
import { forgetMade, noteMade, readMade } from '../storage/made-files';
import { namesOnDisk } from '../storage/names-on-disk';
import { checkOutput, cutLonger } from '../storage/output-check';
import { openState } from '../storage/open-state';
import { statFiles } from '../storage/stat-files';
import type { StorageState } from '../storage/storage';
import { TorrentRecord } from '../storage/torrent-record';
import type { TorrentShape } from '../storage/torrent-record';

/** The resume record of one torrent, and a look at the files that it speaks of. */
export type RecordOutlet = Pick<TorrentRecord, 'load' | 'look' | 'stat' | 'save' | 'remove'>;

/** Specs hand in one that answers when they say so. */
export interface Disk {
  /** The torrent with the names that its files have in an output folder. */
  namesOnDisk(metainfo: Metainfo, output: string): Promise<Metainfo>;
  /** Looks at an output folder; raises what makes it unfit. */
  readonly checkOutput: typeof checkOutput;
  /** What a torrent's back end remembers of it between runs; undefined where it remembers nothing. */
  readonly openState: typeof openState;
  openRecord(
    state: StorageState,
    shape: TorrentShape,
    names: NameMapping | undefined,
  ): RecordOutlet;
  /** Keeps other torrents, of any process, off the files; or returns the conflict with one of them. */
  readonly claimFiles: typeof claimFiles;
  /** The same where nothing can be written: only looks. */
  readonly findConflict: typeof findConflict;
  /** What is at these paths below a folder; undefined for what does not exist. */
  readonly statFiles: typeof statFiles;
  /** Cuts files that are longer than the torrent says. */
  readonly cutLonger: typeof cutLonger;
  /** Whether a file, or a part of it, is nothing but zeros. */
  readonly isBlank: typeof isBlank;
  /** Whose record claims one of these files. */
  readonly recordedOwner: typeof recordedOwner;
  /** The list of files that a run made or may write to. */
  readonly readMade: typeof readMade;
  readonly noteMade: typeof noteMade;
  readonly forgetMade: typeof forgetMade;
}

export const SYSTEM_DISK: Disk = {
  namesOnDisk,
  checkOutput,
  openState,
  openRecord: (state, shape, names) => new TorrentRecord(state, shape, names),
  claimFiles,
  findConflict,
  statFiles,
  cutLonger,
  isBlank,
  recordedOwner,
  readMade,
  noteMade,
  forgetMade,
};
