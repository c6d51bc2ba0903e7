// The disk as the coordinator uses it: everything that it does with files itself. Pieces are
// written by verify workers and read by peer threads.

import type { Metainfo } from '../../metainfo/metainfo';
import type { NameMapping } from '../../metainfo/names';
import { claimFiles, findConflict } from '../../storage/claims';
import { isBlank, recordedOwner } from '../../storage/foreign-files';
import { forgetMade, noteMade, readMade } from '../../storage/made-files';
import { namesOnDisk } from '../../storage/names-on-disk';
import { checkOutput, cutLonger } from '../../storage/output-check';
import { openState } from '../../storage/open-state';
import { statFiles } from '../../storage/stat-files';
import type { StorageState } from '../../storage/storage';
import { TorrentRecord } from '../../storage/torrent-record';
import type { TorrentShape } from '../../storage/torrent-record';

/** The resume record of one torrent, and a look at the files that it lists. */
export type RecordOutlet = Pick<TorrentRecord, 'load' | 'look' | 'stat' | 'save' | 'remove'>;

/** Specs pass one that answers on command. */
export interface Disk {
  /** The torrent, with the names that its files have in an output folder. */
  namesOnDisk(metainfo: Metainfo, output: string): Promise<Metainfo>;
  /** Checks an output folder; throws if it is unfit. */
  readonly checkOutput: typeof checkOutput;
  /** Opens what a torrent's back end keeps between runs; undefined where it keeps nothing. */
  readonly openState: typeof openState;
  openRecord(
    state: StorageState,
    shape: TorrentShape,
    names: NameMapping | undefined,
  ): RecordOutlet;
  /**
   * Reserves the files against other torrents of any process, or returns the conflict with one of
   * them.
   */
  readonly claimFiles: typeof claimFiles;
  /** The same where nothing is written: only checks for a conflict. */
  readonly findConflict: typeof findConflict;
  /** The state of these paths below a folder; undefined for one that does not exist. */
  readonly statFiles: typeof statFiles;
  /** Cuts files that are longer than the torrent says. */
  readonly cutLonger: typeof cutLonger;
  /** Whether a file, or a part of it, contains only zeros. */
  readonly isBlank: typeof isBlank;
  /** Finds the record that claims one of these files. */
  readonly recordedOwner: typeof recordedOwner;
  /** The list of files that a run created or may write to. */
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
