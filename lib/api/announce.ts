// One announce or scrape at each tracker of a torrent, with a record of every packet: for people
// who want to know why a tracker gives them no peers. Starts no engine.

import type { TrackerReport } from '../inspect/report';
import type { MagnetLink } from '../metainfo/magnet';
import type { TorrentSource } from './sources';
import type * as talk from './tracker-talk';
import type { AnnounceOptions, ScrapeOptions } from './tracker-talk';

export type { ReportField, ReportPacket, TrackerReport } from '../inspect/report';
export type { AnnounceOptions, ScrapeOptions } from './tracker-talk';

/**
 * Announces a torrent to each of its trackers (the first 200), eight at a time, and returns a
 * report for each, in the order of the torrent's list. A tracker that fails has a report, too.
 * `source` is as for `readTorrent`, or a magnet link, or an info hash of 40 hex digits together with
 * `options.trackers`.
 *
 * @throws MillraceError as `readTorrent`; `bad-option`; `no-trackers`; `aborted`.
 */
export async function announce(
  source: TorrentSource | MagnetLink,
  options: AnnounceOptions = {},
): Promise<TrackerReport[]> {
  return loadTalk().announce(source, options);
}

/**
 * Requests the swarm counts of a torrent from each of its trackers (BEP 48, BEP 15); otherwise like
 * `announce`. Registers nothing.
 *
 * @throws MillraceError as `announce`.
 */
export async function scrape(
  source: TorrentSource | MagnetLink,
  options: ScrapeOptions = {},
): Promise<TrackerReport[]> {
  return loadTalk().scrape(source, options);
}

function loadTalk(): typeof talk {
  // Node's http and p-queue are slow to load.
  return require('./tracker-talk') as typeof talk;
}
