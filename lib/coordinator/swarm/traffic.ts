// Handles the figures that peer threads report about their connections, four times a second.

import { SESSION_LIMIT } from '../../messages/account';
import type { FactOf } from '../../messages/peer-thread';
import type { Engine } from '../engine';

/** Rows of four numbers: connection, bytes in, bytes out, wasted bytes. */
export function onTraffic(engine: Engine, fact: FactOf<'traffic'>): void {
  const nowMs = engine.nowMs();
  for (let row = 0; row < fact.rows.length; row += 4) {
    const source = engine.state.sources.get(fact.rows[row] ?? -1);
    if (!source) continue;
    const downloadedBytes = fact.rows[row + 1] ?? 0;
    const uploadedBytes = fact.rows[row + 2] ?? 0;
    const { torrent } = source;
    source.lastPayloadMs = nowMs;
    if (downloadedBytes > 0) {
      source.lastGaveMs = nowMs;
      source.silentSinceMs = undefined;
    }
    source.downloadedBytes += downloadedBytes;
    source.uploadedBytes += uploadedBytes;
    torrent.downloadedBytes += downloadedBytes;
    torrent.uploadedBytes += uploadedBytes;
    torrent.wastedBytes += fact.rows[row + 3] ?? 0;
    torrent.downloadRate.add(downloadedBytes, nowMs);
    torrent.uploadRate.add(uploadedBytes, nowMs);
  }
}

/**
 * Rows of four numbers: connection, bytes in flight, bytes received since the last such fact,
 * `SESSION_LIMIT`.
 */
export function onLoad(engine: Engine, thread: number, { busy, rows }: FactOf<'load'>): void {
  const { state } = engine;
  state.threadLoads[thread] = { busy, reportedMs: engine.nowMs(), goesOn: rows.length > 0 };
  for (const source of state.sources.values()) {
    if (source.thread !== thread) continue;
    source.bytesInFlight = 0;
    source.bytesInLately = 0;
    source.limit = SESSION_LIMIT.farSide;
  }
  for (let row = 0; row < rows.length; row += 4) {
    const source = state.sources.get(rows[row] ?? -1);
    if (!source) continue;
    source.bytesInFlight = rows[row + 1] ?? 0;
    source.bytesInLately = rows[row + 2] ?? 0;
    source.limit = rows[row + 3] ?? SESSION_LIMIT.farSide;
  }
}
