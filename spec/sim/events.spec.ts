// The events of a torrent, and their order, in swarms of every kind.

import { expect } from 'chai';
import type { EngineEvent } from '../../lib/messages/control';
import { expectOrder } from '../support/event-order';
import type { OrderedEvent } from '../support/event-order';
import { printRecipes } from '../support/recipes';
import type { SimNode } from '../support/sim-node';
import { SimSwarm } from '../support/sim-swarm';
import { KIB, MIB } from '../support/sim-torrent';

/** All events of a node's engine from now on. */
function record({ engine }: SimNode): OrderedEvent[] {
  const events: OrderedEvent[] = [];
  const emit = engine.emit.bind(engine);
  engine.emit = (event) => {
    const known = orderedEventOf(event);
    if (known) events.push(known);
    emit(event);
  };
  return events;
}

function orderedEventOf(event: EngineEvent): OrderedEvent | undefined {
  switch (event.type) {
    case 'peer-connected':
      return { event: 'peerConnected', peer: event.host };
    case 'peer-closed':
      return {
        event: 'peerClosed',
        peer: event.host,
        dial: event.downloadedBytes + event.uploadedBytes === 0,
      };
    case 'pieces':
      return { event: 'pieces', pieces: event.pieces };
    case 'stats':
      return { event: 'stats', piecesDone: event.stats.piecesDone };
    case 'complete':
      return { event: 'complete' };
    default:
      return undefined;
  }
}

describe('sim: the order of events', () => {
  printRecipes();

  for (const seed of [1, 2, 3, 4, 5, 6]) {
    it(`holds in a swarm where peers lie, leave and lose their thread (seed ${seed})`, async () => {
      const swarm = new SimSwarm({ totalLengthBytes: 2 * MIB, pieceLengthBytes: 32 * KIB, seed });
      const uplinkBytesPerSec = MIB;
      const parting = await swarm.add({ have: 'all', uplinkBytesPerSec });
      await swarm.add({ have: 'all', uplinkBytesPerSec });
      await swarm.add({ have: 'all', uplinkBytesPerSec, spoils: [3, 17] });
      const leechers: SimNode[] = [];
      for (let n = 0; n < 4; n++) leechers.push(await swarm.add({ writeBytesPerMs: 2_000 }));
      const all = leechers.map(record);
      swarm.introduceAll();
      await swarm.run(
        () => leechers.some(({ torrent }) => torrent.content.possession.doneBytes > MIB / 2),
        30,
      );
      await parting.leave();
      leechers[0]?.loseThread();
      await swarm.run(() => leechers.every(({ completedMs }) => completedMs !== undefined), 30);
      for (const events of all) {
        expectOrder(events);
        expect(events.filter(({ event }) => event === 'complete')).to.have.length(1);
      }
    });
  }
});
