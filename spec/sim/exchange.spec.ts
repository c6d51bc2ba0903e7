// Swarms in virtual time whose nodes find each other by peer exchange (BEP 11) alone, with hostile nodes,
// and private ones in which they must not (BEP 27).

import { expect } from 'chai';
import { PEX_NAME } from '../../lib/peer/extensions/pex';
import type { Extension, MakeExtension } from '../../lib/peer/extensions/extension';
import { encodePeerExchange } from '../../lib/wire/peer-exchange';
import { printRecipes } from '../support/recipes';
import type { SimNode } from '../support/sim-node';
import type { SimNodeOptions } from '../support/sim-options';
import { SimSwarm } from '../support/sim-swarm';
import { KIB, MIB } from '../support/sim-torrent';

const SMALL = { totalLengthBytes: MIB, pieceLengthBytes: 64 * KIB };

interface Liar extends Extension {
  dueMs: number;
}

/** The number of other nodes that a node was connected to, by address. */
const met = ({ state, dials }: SimNode): number => Math.max(state.peers.size, dials);

/** An extension that sends a hundred new addresses every `intervalMs`. */
function lies(intervalMs: number): MakeExtension {
  let next = 0;
  return (peer) => {
    const extension: Liar = {
      name: PEX_NAME,
      maxMessageBytes: 65_536,
      dueMs: 0,
      onMessage: () => false,
      endTurn(nowMs) {
        if (!peer.accepts || nowMs < extension.dueMs) return;
        extension.dueMs = nowMs + intervalMs;
        const added = Array.from({ length: 100 }, () => {
          next++;
          return { entry: Uint8Array.from([11, 0, next >> 8, next & 255, 0x1a, 0xe1]), flags: 0 };
        });
        peer.send(encodePeerExchange({ added, dropped: [] }));
      },
    };
    return extension;
  };
}

/** A seed that every other node knows, and no node knows any other. */
async function star(
  swarm: SimSwarm,
  leechers: number,
  options: SimNodeOptions = {},
): Promise<SimNode> {
  const hub = await swarm.add({ have: 'all', uplinkBytesPerSec: 128 * KIB, ...options });
  for (let n = 0; n < leechers; n++) {
    const leecher = await swarm.add(options);
    leecher.meet(hub);
  }
  return hub;
}

describe('sim: peer exchange', () => {
  printRecipes();

  it('eight leechers that know only a slow seed find each other, and trade', async () => {
    const swarm = new SimSwarm(SMALL);
    const hub = await star(swarm, 8);
    await swarm.runUntilComplete(60);
    // The seed alone would need 64 s for eight copies of 1 MiB.
    expect(swarm.elapsedSec).to.be.below(32);
    expect(hub.torrent.uploadedBytes).to.be.below(4 * MIB);
    for (const node of swarm.nodes) expect(node.engine.logs).to.deep.equal([]);
  });

  it('a chain of nodes, each of which knows the one before it, becomes a swarm', async () => {
    const swarm = new SimSwarm(SMALL);
    let last = await swarm.add({ have: 'all', uplinkBytesPerSec: 32 * KIB });
    const first = last;
    for (let n = 0; n < 6; n++) {
      const next = await swarm.add({ uplinkBytesPerSec: 32 * KIB });
      next.meet(last);
      last = next;
    }
    await swarm.runUntilComplete(240);
    expect(met(last)).to.be.above(1);
    expect(first.state.peers.size).to.be.above(0);
  });

  it('a node behind NAT finds the others, and dials them', async () => {
    const swarm = new SimSwarm(SMALL);
    const hub = await swarm.add({ have: 'all', uplinkBytesPerSec: 64 * KIB });
    const hidden = await swarm.add({ dialable: false });
    const open = await swarm.add();
    for (const node of [hidden, open]) node.meet(hub);
    await swarm.run(() => [...hidden.state.peers].some(({ host }) => host === open.host), 30);
    await swarm.runUntilComplete(60);
  });

  it('a sender of thousands of invented addresses causes few dials, and delays no other node', async () => {
    const swarm = new SimSwarm(SMALL);
    const hub = await star(swarm, 4);
    const liar = await swarm.add({ extensions: [lies(60_000)] });
    liar.meet(hub);
    await swarm.runUntilComplete(60);
    await swarm.runFor(300);
    for (const node of swarm.nodes) {
      // A hundred at first and 50 more a minute, three dials each.
      if (node !== liar) expect(node.dials, node.host).to.be.below(3 * (100 + 50 * 6));
      expect(node.engine.logs).to.deep.equal([]);
    }
    expect(hub.dials, 'some addresses are dialled').to.be.above(90);
  });

  it('a node that floods messages is closed with pex-flood, and the others complete', async () => {
    const swarm = new SimSwarm(SMALL);
    const hub = await star(swarm, 3);
    const liar = await swarm.add({ extensions: [lies(100)] });
    liar.meet(hub);
    await swarm.runUntilComplete(60);
    await swarm.runFor(60);
    expect(hub.engine.state.closed.get('pex-flood')).to.be.above(0);
  });

  it('in a private swarm a node gets addresses only from its user', async () => {
    const swarm = new SimSwarm({ ...SMALL, private: true });
    const hub = await star(swarm, 5);
    const strangers = (): SimNode[] =>
      swarm.nodes.filter(
        (node) => node !== hub && [...node.state.peers].some(({ host }) => host !== hub.host),
      );
    await swarm.run(
      () => strangers().length > 0 || swarm.nodes.every((node) => node.completedMs !== undefined),
      120,
    );
    expect(strangers()).to.deep.equal([]);
    // All data came from the seed.
    expect(hub.torrent.uploadedBytes).to.be.at.least(5 * MIB);
    expect(hub.dials).to.equal(0);
  });

  it('a private torrent whose metainfo comes late removes exchanged addresses', async () => {
    const swarm = new SimSwarm({ ...SMALL, private: true });
    const hub = await star(swarm, 5, { learnsAfterMs: 20_000 });
    await swarm.runFor(15);
    expect(swarm.nodes.filter((node) => node.state.peers.size > 1).length).to.be.above(3);
    await swarm.runFor(15);
    for (const node of swarm.nodes)
      if (node !== hub) expect(node.state.peers.size, node.host).to.be.at.most(1);
    await swarm.runUntilComplete(180);
  });
});
