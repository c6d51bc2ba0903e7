// Incoming connections and the threads that accept them: spread over all threads where the system
// can do that, lost only when a thread dies; and ports that another process has.

import { expect } from 'chai';
import type { MillraceError } from '../../lib/errors/millrace-error';
import { PeerThreads } from '../../lib/coordinator/outlets/peer-threads';
import { BlockTable } from '../../lib/memory/block-table';
import { Slab, UNIT_LENGTH_BYTES } from '../../lib/memory/slab';
import type { PeerFact } from '../../lib/messages/peer-thread';
import { canSharePorts } from '../../lib/transport/port-claim';
import { HANDSHAKE_LENGTH_BYTES } from '../../lib/wire/handshake';
import { emptyCopy, INFO_HASH, LIMITS, torrentOf } from '../net/actor';
import { freePort } from '../support/free-port';
import { HostilePeer } from '../support/hostile/peer';
import { Child } from '../support/leaks/child';
import { SPEC_TIMEOUT_MS, Swarm, expectCode, within } from '../support/swarm';
import { until } from '../support/until';

const THREADS = 4;
const UNITS = 16;

/** Peer threads with one torrent, and what they say. */
async function start(swarm: Swarm) {
  const slab = Slab.allocate(UNITS * UNIT_LENGTH_BYTES);
  const table = new BlockTable(new SharedArrayBuffer(BlockTable.byteLength(UNITS)));
  const threads = new PeerThreads({
    count: THREADS,
    booted: [],
    start: (thread) => ({
      thread,
      slab: slab.buffer,
      blockTable: table.buffer,
      peerId: Buffer.from('-MR0200-spec-listens'),
      limits: { ...LIMITS, maxConnections: 500, maxHandshakes: 500 },
      network: {},
      version: '0.0.1',
    }),
    listen: { port: 0, host: undefined },
  });
  const storage = { module: 'memory', key: 'm', root: '/' };
  const files = [{ path: 'f', lengthBytes: 16_384 }];
  const torrent = emptyCopy(torrentOf({ pieceLengthBytes: 16_384, files, storage }));
  const open = (thread: number): void => threads.order(thread, { type: 'open-torrent', torrent });
  /** Connections that have shaken hands, by thread. */
  const taken = new Array<number>(THREADS).fill(0);
  const lived = { died: 0, restarted: 0 };
  let port = 0;
  threads.listen({
    onFacts: (thread: number, facts: readonly PeerFact[]) => {
      const connected = facts.filter(({ type }) => type === 'connected').length;
      taken[thread] = (taken[thread] ?? 0) + connected;
    },
    onError: (error) => expect.fail(String(error)),
    onListening: (at) => (port = at),
    onDied: () => (lived.died += 1),
    onRestarted: (thread) => {
      open(thread);
      lived.restarted += 1;
    },
    onFailed: (error) => expect.fail(error.message),
  });
  swarm.onClose(() => threads.stop());
  for (let thread = 0; thread < THREADS; thread++) open(thread);
  await within(threads.ready(), 'the threads');
  return { threads, taken, lived, port: () => port };
}

/** Shakes hands; whether the far side did so, too. */
async function dial(port: number, host: string): Promise<boolean> {
  try {
    const peer = await HostilePeer.connect(port, host);
    peer.sendHandshake(INFO_HASH);
    const received = await peer.receive(HANDSHAKE_LENGTH_BYTES);
    peer.end();
    await peer.closed;
    return received.length >= HANDSHAKE_LENGTH_BYTES;
  } catch {
    return false; // refused, or reset
  }
}

/** So many dials, over IPv4 and IPv6 by turns; how many of them failed. */
async function dialMany(port: number, count: number): Promise<number> {
  const hosts = ['127.0.0.1', '::1'];
  const dials = Array.from({ length: count }, (_, n) => dial(port, hosts[n % 2] ?? ''));
  return (await Promise.all(dials)).filter((worked) => !worked).length;
}

const sum = (counts: readonly number[]): number => counts.reduce((all, count) => all + count, 0);

describe('engine/listeners', function () {
  this.timeout(SPEC_TIMEOUT_MS);
  let swarm: Swarm;
  beforeEach(() => (swarm = new Swarm()));
  afterEach(() => swarm.close());

  it('200 connections spread over four threads, none with over 1.5 times the mean', async () => {
    const { taken, port } = await start(swarm);
    expect(await dialMany(port(), 200)).to.equal(0);
    await until(() => sum(taken) === 200, 'all of them');
    if (canSharePorts()) expect(Math.max(...taken), String(taken)).to.be.at.most(75);
    else expect(taken).to.deep.equal([200, 0, 0, 0]);
  });

  it('a thread that dies among 400 dials loses no more than its own, and listens again', async () => {
    const { threads, taken, lived, port } = await start(swarm);
    const before = dialMany(port(), 100);
    expect(threads.kill(1)).to.equal(true);
    const during = dialMany(port(), 100);
    await until(() => lived.died === 1, 'its death');
    const after = await dialMany(port(), 100);
    expect(after, 'lost after its death').to.equal(0);
    const lost = (await before) + (await during);
    // Its share of 200 is 50, and 75 are one in ten thousand.
    expect(lost).to.be.at.most(canSharePorts() ? 75 : 0);
    await until(() => lived.restarted === 1, 'another in its place');
    expect(await dialMany(port(), 100), 'lost afterwards').to.equal(0);
    if (!canSharePorts()) return;
    taken.fill(0);
    for (let n = 0; n < 500 && taken[1] === 0; n++) {
      expect(await dial(port(), '127.0.0.1')).to.equal(true);
    }
    expect(taken[1], 'accepted by the new one').to.be.above(0);
  });

  it('goes on when the first thread dies, on the same port', async () => {
    const { threads, lived, port } = await start(swarm);
    const first = port();
    threads.kill(0);
    await until(() => lived.restarted === 1, 'another in its place');
    if (canSharePorts()) expect(await dialMany(first, 50)).to.equal(0);
    // Where only one listens, it is not before a moment later.
    const deadline = AbortSignal.timeout(SPEC_TIMEOUT_MS / 2);
    while (!(await dial(first, '127.0.0.1'))) deadline.throwIfAborted();
    expect(port()).to.equal(first);
  });

  /** An engine in another process; its port. */
  async function elsewhere(options: Record<string, unknown>): Promise<number> {
    const child = new Child('listening-engine.ts', options);
    swarm.onClose(async () => {
      child.process.kill('SIGKILL');
      await child.ended;
    });
    return child.line<number>('its port', (port) => port > 0);
  }

  it('a port of another process is in use, however many threads both have', async () => {
    for (const theirs of [1, 2]) {
      const port = await elsewhere({ peerThreads: theirs, port: 0 });
      for (const peerThreads of [1, 2]) {
        for (const host of [undefined, '127.0.0.1']) {
          const options = { port, peerThreads, ...(host === undefined ? {} : { host }) };
          const error = await expectCode(swarm.engine(options), 'listen-failed');
          expect(error.details?.cause).to.equal('EADDRINUSE');
        }
      }
    }
  });

  it('of two engines that want one port at once, one gets it', async () => {
    for (const hosts of [
      ['127.0.0.1', '127.0.0.1'],
      ['::', '127.0.0.1'],
    ]) {
      const port = await freePort();
      const engines = await Promise.allSettled(
        hosts.map((host) => swarm.engine({ port, host, peerThreads: 2 })),
      );
      const outcomes = engines.map((engine) =>
        engine.status === 'fulfilled' ? 'listens' : (engine.reason as MillraceError).code,
      );
      expect(outcomes).to.have.members(['listens', 'listen-failed']);
    }
  });

  it('engines on one port of two addresses do not meet', async () => {
    const first = await swarm.engine({ port: 0, host: '127.0.0.1', peerThreads: 2 });
    const { port = 0 } = first;
    const second = await swarm.engine({ port, host: '127.0.0.2', peerThreads: 2 });
    expect(second.port).to.equal(port);
  });
});
