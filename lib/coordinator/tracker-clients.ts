// The clients that an engine asks trackers with.

import type { TrackerClient } from '../tracker/announce';
import type * as clients from '../tracker/clients';

/**
 * Loaded with the first announce: Node's http takes as long to load as a peer to be dialled. Over
 * IPv4 and IPv6 side by side (BEP 7), on connections that are kept from one announce to the next.
 */
export function loadTrackers(
  version: string,
  more: Partial<clients.TrackerClientsOptions> = {},
): TrackerClient {
  // An import would load it at once.
  const module = require('../tracker/clients') as typeof clients;
  return new module.TrackerClients({ bothFamilies: true, keepAlive: true, ...more, version });
}
