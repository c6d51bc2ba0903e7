// Invariants of a simulated swarm, which hold at every moment and with all faults.

import { expect } from 'chai';
import type { EngineEvent } from '../../../lib/messages/control';
import { expectBalance } from '../../support/desk-invariants';
import type { SimNode } from '../../support/sim-node';

/** Ticks of a node between two checks of its whole state. */
const BALANCE_TICKS = 16;

export class Safety {
  readonly #ticks = new Map<SimNode, number>();

  /** Each piece that counts as good is stored, byte for byte. */
  onEvent(node: SimNode, event: EngineEvent): void {
    if (event.type !== 'pieces') return;
    for (const piece of event.pieces)
      expect(node.hasStored(piece), `${node.host}: piece ${piece} is stored`).to.equal(true);
  }

  onTick(node: SimNode): void {
    expectLimits(node);
    const ticks = (this.#ticks.get(node) ?? 0) + 1;
    this.#ticks.set(node, ticks);
    if (ticks % BALANCE_TICKS === 0) expectBalance(node.engine);
  }
}

/** Connections, dials, upload slots and memory stay within their limits. */
function expectLimits({ host, engine, state, connections }: SimNode): void {
  const { settings, budget } = engine.state;
  expect(connections.size, `${host}: connections`).to.be.at.most(settings.limits.maxConnections);
  expect(state.dialing, `${host}: dials`).to.be.at.most(settings.maxConnectionsPerTorrent);
  expect(budget.committedBytes, `${host}: memory`).to.be.at.most(settings.memoryBytes);
  if (settings.uploadSlots === 'auto') return;
  const served = [...state.peers].filter((peer) => !peer.weChoke && !peer.closing);
  expect(served.length, `${host}: upload slots`).to.be.at.most(settings.uploadSlots);
}

/** The state of a complete node at the end: its content is stored, and all memory is free. */
export function expectEnd(node: SimNode): void {
  const { host, engine, swarm } = node;
  for (let piece = 0; piece < swarm.torrent.metainfo.pieceCount; piece++)
    expect(node.hasStored(piece), `${host}: piece ${piece} at the end`).to.equal(true);
  expectBalance(engine);
  expect(engine.memoryIsBack, `${host}: memory is given back`).to.equal(true);
}
