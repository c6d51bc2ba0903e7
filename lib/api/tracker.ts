// The small tracker for private clusters, demos and tests; loaded on first use.

import { MAX_PORT } from '../address/host-port';
import type * as server from '../tracker-server/server';
import type { TrackerLimits, TrackerServer, TrackerServerOptions } from '../tracker-server/server';
import {
  bytes,
  callback,
  checkOptions,
  checkValue,
  either,
  flag,
  group,
  list,
  optional,
  text,
  wholeNumber,
  wrong,
} from './checks';
import type { Check, Checks } from './checks';

export type {
  TrackerLimits,
  TrackerServer,
  TrackerServerOptions,
  TrackerServerStats,
} from '../tracker-server/server';

/** The tracker itself checks the length: 20 bytes or 40 digits. */
const infoHash: Check<string | Uint8Array> = (name, value) => {
  if (typeof value === 'string' || value instanceof Uint8Array) return value;
  throw wrong(name, 'an info hash of 40 hex digits or 20 bytes', value);
};

/** A limit, or `Infinity` for none. */
const bound = either(Infinity, wholeNumber(1, 2 ** 31));

const TRACKER = {
  host: optional(text('an address')),
  port: either(false, wholeNumber(0, MAX_PORT)),
  udpPort: either(false, wholeNumber(0, MAX_PORT)),
  intervalSec: wholeNumber(1, 86_400),
  whitelist: optional(list('info hashes', infoHash)),
  limits: group({
    requestsPerSecPerIp: bound,
    requestBurstPerIp: bound,
    maxConnections: bound,
    maxConnectionsPerIp: bound,
    maxTorrents: bound,
    maxPeers: bound,
    maxPeersPerTorrent: bound,
    maxPeersPerIp: bound,
  } satisfies Checks<TrackerLimits>),
  statsPage: flag(true),
  now: callback<() => number>(),
  random: callback<() => number>(),
} satisfies Checks<TrackerServerOptions>;

/**
 * Starts a tracker (BEP 3, 7, 15, 23, 48) in this thread; it runs until `close()`.
 *
 * @throws MillraceError `tracker-listen-failed`, `bad-option`.
 */
export async function startTracker(options: TrackerServerOptions = {}): Promise<TrackerServer> {
  const checked = checkOptions('startTracker', options, TRACKER);
  // Node's http is slow to load.
  const module = require('../tracker-server/server') as typeof server;
  const tracker = await module.startTracker(checked);
  return {
    ...tracker,
    allow: (hash) => tracker.allow(checkValue('infoHash', () => hash, infoHash)),
    publish: (name, torrent) =>
      tracker.publish(
        checkValue('name', () => name, text('the name of a file')),
        checkValue('torrent', () => torrent, bytes),
      ),
  };
}
