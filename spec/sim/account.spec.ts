// One resource is throttled at a time, in virtual time, and the account must name it.

import { expect } from 'chai';
import type { TransferAccount } from '../../lib/messages/account';
import { torrentAccount } from '../../lib/coordinator/account/accounting';
import { printRecipes } from '../support/recipes';
import type { SimNode } from '../support/sim-node';
import type { SimNodeOptions } from '../support/sim-options';
import { SimSwarm } from '../support/sim-swarm';
import { KIB, MIB } from '../support/sim-torrent';

const SIZE = { totalLengthBytes: 4 * MIB, pieceLengthBytes: 64 * KIB };
/** So fast and near that they limit nothing. */
const FAST: SimNodeOptions = { uplinkBytesPerSec: 1000 * MIB, latencyMs: 1 };

function accountOf({ engine, torrent }: SimNode): TransferAccount {
  return torrentAccount(engine, torrent);
}

/** A leecher among seeds, watched until it is complete or the time is up. */
async function fetch(
  leecher: SimNodeOptions,
  seeds: readonly SimNodeOptions[],
  sec = 60,
): Promise<TransferAccount> {
  const swarm = new SimSwarm(SIZE);
  for (const seed of seeds) await swarm.add({ have: 'all', ...FAST, ...seed });
  const node = await swarm.add({ ...FAST, ...leecher });
  swarm.introduceAll();
  await swarm.run(() => node.completedMs !== undefined || swarm.elapsedSec > sec, sec + 1);
  return accountOf(node);
}

describe('sim: the account names what limits', () => {
  printRecipes();

  it('a slow uplink: network', async () => {
    const { limit } = await fetch({}, [{ uplinkBytesPerSec: 512 * KIB }]);
    expect(limit?.what).to.equal('network');
    expect(limit?.share).to.be.above(0.8);
  });

  it('a far and slow uplink: network', async () => {
    const { limit } = await fetch({}, [{ uplinkBytesPerSec: 512 * KIB, latencyMs: 300 }]);
    expect(limit?.what).to.equal('network');
  });

  it('seeds that have other customers: unchoke', async () => {
    const { limit } = await fetch({}, [{ uploadSlots: 0 }, { uploadSlots: 0 }], 20);
    expect(limit?.what).to.equal('unchoke');
    expect(limit?.share).to.be.above(0.9);
  });

  it('a peer that takes four requests, far away: request depth', async () => {
    const { limit } = await fetch({}, [{ requestQueue: 4, latencyMs: 200 }]);
    expect(limit?.what).to.equal('requestDepth');
    expect(limit?.share).to.be.above(0.8);
  });

  it('slow writes: memory, behind the writes', async () => {
    const { limit, memoryBehind, verifyQueue } = await fetch(
      { memoryBytes: MIB, writeBytesPerMs: 256 },
      [{}],
    );
    expect(limit).to.include({ what: 'memory', behind: 'write' });
    expect(limit?.share).to.be.above(0.8);
    expect(memoryBehind.write).to.be.above(memoryBehind.hash * 10);
    expect(verifyQueue).to.deep.equal({ pieces: 0, bytes: 0, jobs: 0 });
  });

  it('writes slower than a slow network: memory, behind the writes', async () => {
    const { limit } = await fetch({ memoryBytes: MIB, writeBytesPerMs: 128 }, [
      { uplinkBytesPerSec: 512 * KIB },
    ]);
    expect(limit).to.include({ what: 'memory', behind: 'write' });
  });

  it('slow hashing: memory, behind the hash', async () => {
    const { limit } = await fetch({ memoryBytes: MIB, hashBytesPerMs: 256 }, [{}]);
    expect(limit).to.include({ what: 'memory', behind: 'hash' });
  });

  it('memory for two pieces and many slow seeds: memory, behind what fills it', async () => {
    const slow = { uplinkBytesPerSec: 32 * KIB };
    const { limit } = await fetch({ memoryBytes: 128 * KIB }, Array(8).fill(slow), 200);
    expect(limit).to.include({ what: 'memory', behind: 'fill' });
  });

  it('peers that have one half, and then no peers: peers', async () => {
    const half = [...Array(32).keys()];
    const { limit } = await fetch({}, [{ have: half }], 20);
    expect(limit?.what).to.equal('peers');
    expect(limit?.share).to.be.above(0.9);
  });

  it('time is partitioned: the labels add up to the time of the download', async () => {
    const swarm = new SimSwarm(SIZE);
    await swarm.add({ have: 'all', ...FAST, uplinkBytesPerSec: 512 * KIB });
    const node = await swarm.add(FAST);
    swarm.introduceAll();
    await swarm.run(() => node.completedMs !== undefined, 60);
    const { seconds } = accountOf(node);
    const sum = Object.values(seconds).reduce((all, sec) => all + sec, 0);
    // Less the check of nothing at the start.
    expect(sum).to.be.closeTo(((node.completedMs ?? 0) - swarm.startedMs) / 1000, 0.05);
  });
});
