// The list of faults. Each begins at its time, and most end at another. The node records what happens, so
// that the report of a failure contains it.

import type { SimNode } from '../../support/sim-node';
import type { SimSwarm } from '../../support/sim-swarm';
import type { PlannedFault } from './scenario';

/** Ends the fault; it may be called for a node that is gone. */
type Heal = () => void | Promise<void>;

type Begin = (swarm: SimSwarm, node: SimNode, fault: PlannedFault) => void | Heal | Promise<void>;

const HOUR_MS = 3_600_000;

const FAULTS = {
  /** One connection, or all, end with an error. */
  reset: (_swarm, node, { dice }) => {
    const connections = [...node.connections.values()];
    for (const [at, connection] of connections.entries())
      if (dice < 0.3 || at === Math.floor(dice * connections.length)) connection.reset();
  },
  /** Some nodes cannot reach the others. */
  partition: (swarm, node, { dice }) => {
    swarm.network.part(swarm.nodes.filter((other, at) => other === node || (at * dice) % 1 > 0.6));
    return () => swarm.network.heal();
  },
  slowDisk: (_swarm, node, { dice }) => {
    node.workers.slowness = 10 ** (1 + 3 * dice);
    return () => void (node.workers.slowness = 1);
  },
  eio: (_swarm, node) => failDisk(node, 'EIO'),
  enospc: (_swarm, node) => failDisk(node, 'ENOSPC'),
  /** A kill or a power cut, and a new process later; its resume record may be torn. */
  crash: (swarm, node, { dice }) => {
    node.crash({ power: dice < 0.6 });
    return async () => {
      await node.restart({ torn: dice < 0.3 });
      swarm.introduce(node);
    };
  },
  threadDeath: (_swarm, node) => node.loseThread(),
  /** The machine sleeps for up to an hour, or its time of day is set back. */
  clockJump: (_swarm, node, { dice }) =>
    dice < 0.5 ? node.jump(dice * dice * HOUR_MS, 0) : node.jump(0, -dice * HOUR_MS),
  /** Its uplink is down to some hundred bytes a second. */
  trickle: (_swarm, node, { dice }) => {
    const { bytesPerSec } = node.uplink;
    node.uplink.bytesPerSec = 100 + 2000 * dice;
    return () => void (node.uplink.bytesPerSec = bytesPerSec);
  },
  vanish: (_swarm, node) => node.vanish(),
  leave: (_swarm, node) => node.leave(),
  pause: async (_swarm, node) => node.pause(),
  /** From now on it cannot be dialled. */
  nat: (_swarm, node) => {
    node.dialable = false;
    return () => void (node.dialable = node.options.dialable ?? true);
  },
} satisfies Record<string, Begin>;

export type FaultKind = keyof typeof FAULTS;

export const FAULT_KINDS = Object.keys(FAULTS) as FaultKind[];

function failDisk(node: SimNode, code: 'EIO' | 'ENOSPC'): Heal {
  const { engine, workers } = node;
  const error = Object.assign(new Error('bad disk'), { code });
  workers.failing = { code, message: 'bad disk' };
  engine.disk.failing = { save: error };
  return () => {
    workers.failing = undefined;
    engine.disk.failing = {};
  };
}

/** Begins the fault now; returns how it ends. Nothing happens to a node that is gone. */
export async function begin(swarm: SimSwarm, fault: PlannedFault): Promise<Heal> {
  const node = swarm.nodes[fault.node];
  if (node === undefined || node.gone) return () => undefined;
  const heal = await (FAULTS[fault.kind] as Begin)(swarm, node, fault);
  return heal ?? (() => undefined);
}
