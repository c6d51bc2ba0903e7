// The clients with which an engine announces to trackers.

import type { TrackerClient } from '../../tracker/announce';
import type * as clients from '../../tracker/clients';

/**
 * Loaded with the first announce: Node's http module takes as long to load as a peer to be dialled.
 * They use IPv4 and IPv6 in parallel (BEP 7), and keep connections from one announce to the next.
 */
export function loadTrackers(
  version: string,
  more: Partial<clients.TrackerClientsOptions> = {},
): TrackerClient {
  // An import would load it at start.
  const module = require('../../tracker/clients') as typeof clients;
  return new module.TrackerClients({ bothFamilies: true, keepAlive: true, ...more, version });
}
