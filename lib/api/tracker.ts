// The small tracker for private clusters, demos and tests, loaded only when it is wanted.

import type * as server from '../tracker/server';
import type { TrackerServer, TrackerServerOptions } from '../tracker/server';

export type { TrackerServer, TrackerServerOptions } from '../tracker/server';

/**
 * Starts an HTTP tracker (BEP 3, BEP 7, BEP 23) in this thread; it lives until `close()`.
 *
 * @throws MillraceError `tracker-listen-failed`.
 */
export async function startTracker(options: TrackerServerOptions = {}): Promise<TrackerServer> {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- Node's http is slow to load
  const module = require('../tracker/server') as typeof server;
  return module.startTracker(options);
}
