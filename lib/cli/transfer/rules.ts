// When a transfer ends: no data for too long, or seeded as much as requested. Time is a parameter.

import type { TorrentStats } from '../../index';

/** Detects that no payload has arrived for `timeoutMs` while there was something to download. */
export class StallWatch {
  private readonly timeoutMs: number;
  private sinceMs: number;
  private downloadedBytes = 0;

  constructor(timeoutMs: number, nowMs: number) {
    this.timeoutMs = timeoutMs;
    this.sinceMs = nowMs;
  }

  /** Takes the latest figures; returns true once the time is up. */
  isStalled(nowMs: number, stats: TorrentStats): boolean {
    // Hashing existing data is our own work, however long it takes.
    if (stats.phase !== 'downloading' || stats.downloadedBytes > this.downloadedBytes) {
      this.sinceMs = nowMs;
      this.downloadedBytes = stats.downloadedBytes;
      return false;
    }
    return nowMs - this.sinceMs >= this.timeoutMs;
  }
}

/** How long to seed; without limits, until interrupted. */
export interface SeedLimits {
  /** Uploaded bytes divided by the torrent's size. */
  readonly ratio?: number | undefined;
  readonly seconds?: number | undefined;
}

/** `uploadedBytes` and `elapsedMs` count from the beginning of this run and of its seeding. */
export function hasSeededEnough(
  limits: SeedLimits,
  totals: {
    readonly uploadedBytes: number;
    readonly totalBytes: number;
    readonly elapsedMs: number;
  },
): boolean {
  const { ratio, seconds } = limits;
  if (ratio !== undefined && totals.uploadedBytes >= ratio * totals.totalBytes) return true;
  return seconds !== undefined && totals.elapsedMs >= seconds * 1000;
}
