// Peer exchange between whole engines: threads, sockets, and no tracker.

import { expect } from 'chai';
import type { Torrent } from '../../lib/index';
import { KIB, Payload } from '../support/payload';
import { SPEC_TIMEOUT_MS, Swarm, untilStats } from '../support/swarm';

describe('engine: peer exchange', function () {
  this.timeout(SPEC_TIMEOUT_MS);
  const swarm = new Swarm();
  afterEach(() => swarm.close());

  for (const peerThreads of [1, 2]) {
    it(`two that know only a third one meet (peer threads: ${peerThreads})`, async () => {
      const payload = new Payload({ name: 'exchange', lengthBytes: 64 * KIB, seed: 4 });
      const leech = async (known?: number): Promise<{ torrent: Torrent; port: number }> => {
        const engine = await swarm.engine({ port: 0, peerThreads });
        const peers = known === undefined ? [] : [`127.0.0.1:${known}`];
        const torrent = await engine.add(payload.torrent, { output: await swarm.folder(), peers });
        return { torrent, port: (await engine.stats()).port ?? 0 };
      };
      const hub = await leech();
      const others = [await leech(hub.port), await leech(hub.port)];
      for (const { torrent } of others)
        await untilStats(torrent, 'the other one', ({ peers }) => peers.connected >= 2);
      expect(hub.torrent.stats().peers.connected).to.equal(2);
    });
  }
});
