// The small tracker for private clusters, demos and tests, loaded only when it is wanted.

import type * as server from '../tracker/server';
import type { TrackerServer, TrackerServerOptions } from '../tracker/server';

export type {
  TrackerLimits,
  TrackerServer,
  TrackerServerOptions,
  TrackerServerStats,
} from '../tracker/server';

/**
 * Starts a tracker (BEP 3, 7, 15, 23, 48) in this thread; it lives until `close()`.
 *
 * @throws MillraceError `tracker-listen-failed`, `bad-option`.
 */
export async function startTracker(options: TrackerServerOptions = {}): Promise<TrackerServer> {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- Node's http is slow to load
  const module = require('../tracker/server') as typeof server;
  return module.startTracker(options);
}
