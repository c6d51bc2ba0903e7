// When a transfer ends: no data for too long, or seeded as much as requested. Time is a parameter.

import type { TorrentStats } from '../../index';

/** Detects that no payload has arrived for `timeoutMs` while there was something to download. */
export class StallWatch {
  private readonly timeoutMs: number;
  private sinceMs: number;
  private receivedBytes = 0;

  constructor(timeoutMs: number, nowMs: number) {
    this.timeoutMs = timeoutMs;
    this.sinceMs = nowMs;
  }

  /** Takes the latest figures; returns true once the time is up. */
  isStalled(nowMs: number, stats: TorrentStats): boolean {
    const { phase, metadata, downloadedBytes } = stats;
    const receivedBytes = downloadedBytes + (metadata?.receivedBytes ?? 0);
    // Hashing existing data is our own work, however long it takes.
    const waits = phase === 'metadata' || phase === 'downloading';
    if (!waits || receivedBytes !== this.receivedBytes) {
      this.sinceMs = nowMs;
      this.receivedBytes = receivedBytes;
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
