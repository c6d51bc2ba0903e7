// The failure of one torrent does not affect another: a full disk, peers that all choke, no peers.
// And memory: pieces longer than the budget, and many peers in a small one.

import { expect } from 'chai';
import type { MillraceError } from '../../lib/index';
import { FaultyDisk } from '../support/storages/faults';
import { KIB, MIB, Payload } from '../support/payload';
import {
  SPEC_TIMEOUT_MS,
  Swarm,
  expectCode,
  nextEvent,
  untilMemoryIsBack,
  untilStats,
  within,
} from '../support/swarm';

describe('engine with two torrents', function () {
  this.timeout(SPEC_TIMEOUT_MS);
  const swarm = new Swarm();
  afterEach(() => swarm.close());

  it('stops the one whose disk is full, and goes on with it when there is room', async () => {
    const full = new Payload({ name: 'full', lengthBytes: 4 * MIB, seed: 2 });
    const other = new Payload({ name: 'other', lengthBytes: 4 * MIB, seed: 3 });
    const disk = new FaultyDisk();
    disk.setDiskBytes(MIB);
    const engine = await swarm.engine({ memoryBytes: 4 * MIB });
    const [output, otherOutput] = [await swarm.folder(), await swarm.folder()];
    const seed = await swarm.seed(full);
    const torrent = await engine.add(full.torrent, {
      output,
      storage: disk.ref,
      peers: [seed.address],
    });
    const error = nextEvent<MillraceError>(torrent, 'error');
    const reading = (async () => {
      for await (const _stats of torrent.progress());
    })();
    const failure = await expectCode(torrent.completed, 'ENOSPC');
    expect(failure.message).to.match(/no space left/);
    expect(await error).to.equal(failure);
    await expectCode(reading, 'ENOSPC');
    expect(torrent.stats()).to.deep.include({
      phase: 'failed',
      error: { code: 'ENOSPC', message: failure.message },
    });
    // Jobs that were out when the disk refused one keep their memory until they end.
    await untilMemoryIsBack(engine);
    await untilStats(torrent, 'the memory to be back', ({ memoryBytes }) => memoryBytes === 0);

    const otherSeed = await swarm.seed(other);
    const second = await engine.add(other.torrent, {
      output: otherOutput,
      peers: [otherSeed.address],
    });
    await within(second.completed, 'the other torrent');
    await other.expectIn(otherOutput);

    disk.setDiskBytes(64 * MIB);
    await torrent.resume();
    await within(torrent.completed, 'the torrent whose disk was full');
    await full.expectIn(output);
    await untilMemoryIsBack(engine);
  });

  it('gives the memory to the torrent that moves, not to the one that is choked', async () => {
    const choked = new Payload({ name: 'choked', lengthBytes: 8 * MIB, seed: 2 });
    const other = new Payload({ name: 'other', lengthBytes: 8 * MIB, seed: 3 });
    const engine = await swarm.engine({ memoryBytes: 4 * MIB });
    const peers: string[] = [];
    for (let count = 0; count < 3; count++)
      peers.push((await swarm.seed(choked, { choking: true })).address);
    // This one takes requests and never answers them: its pieces hold memory.
    const stalling = await swarm.seed(choked, { gateAfterBlocks: 1 });
    const first = await engine.add(choked.torrent, {
      output: await swarm.folder(),
      peers: [...peers, stalling.address],
    });
    await untilStats(first, 'memory in its hands', (stats) => stats.memoryBytes > 0);
    const output = await swarm.folder();
    const second = await engine.add(other.torrent, {
      output,
      peers: [(await swarm.seed(other)).address],
    });
    await within(second.completed, 'the other torrent');
    await other.expectIn(output);
    await first.remove();
    await untilMemoryIsBack(engine);
  });

  it('grows the budget for pieces longer than it', async () => {
    const payload = new Payload({ lengthBytes: 33 * MIB, pieceLengthBytes: 16 * MIB });
    const engine = await swarm.engine({ memoryBytes: 4 * MIB });
    const output = await swarm.folder();
    const peers = [(await swarm.seed(payload)).address, (await swarm.seed(payload)).address];
    const torrent = await engine.add(payload.torrent, { output, peers });
    expect((await engine.stats()).memoryLimitBytes).to.equal(32 * MIB);
    await within(torrent.completed, 'the download');
    await payload.expectIn(output);
    await torrent.remove();
    const { memoryLimitBytes } = await untilMemoryIsBack(engine);
    expect(memoryLimitBytes).to.equal(4 * MIB);
  });

  it('completes from many peers in little memory', async () => {
    const payload = new Payload({ lengthBytes: 16 * MIB, pieceLengthBytes: 512 * KIB });
    const engine = await swarm.engine({ memoryBytes: 4 * MIB });
    const output = await swarm.folder();
    const peers: string[] = [];
    for (let count = 0; count < 24; count++) {
      const pieces = Array.from({ length: 32 }, (_, piece) => piece).filter(
        (piece) => piece % 3 !== count % 3,
      );
      peers.push((await swarm.seed(payload, { pieces })).address);
    }
    const torrent = await engine.add(payload.torrent, { output, peers });
    await within(torrent.completed, 'the download');
    await payload.expectIn(output);
    await untilMemoryIsBack(engine);
  });
});
