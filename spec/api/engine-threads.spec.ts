// Threads that boot before their engine: what becomes of them with an engine, and without one.

import { once } from 'node:events';
import workerThreads from 'node:worker_threads';
import type { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { Coordinator, EngineThreads } from '../../lib/index';
import { codeOf } from '../support/code-of';
import { noThread } from '../support/no-thread';

describe('api: threads booted early', () => {
  for (const [booted, wanted] of [
    [1, 1],
    [1, 2],
    [2, 1],
  ] as const) {
    it(`${booted} peer threads booted, ${wanted} wanted: they become an engine`, async () => {
      const threads = new EngineThreads(booted);
      const engine = await Coordinator.start({ threads, peerThreads: wanted });
      try {
        expect(engine.port).to.be.above(0);
        expect((await engine.stats()).peerThreads).to.equal(wanted);
        expect(await engine.killThread('peer', wanted - 1)).to.equal(true);
        expect(await engine.killThread('peer', wanted)).to.equal(false);
      } finally {
        await engine.close();
      }
      await threads.terminate();
    });
  }

  it('make one engine only', async () => {
    const threads = new EngineThreads();
    const engine = await Coordinator.start({ threads });
    expect(await codeOf(Coordinator.start({ threads }))).to.equal('bad-option');
    expect(await codeOf(engine.stats())).to.equal('resolved');
    await engine.close();
  });

  it('that were ended make no engine', async () => {
    const threads = new EngineThreads();
    await threads.terminate();
    expect(await codeOf(Coordinator.start({ threads }))).to.equal('coordinator-died');
    await threads.terminate();
  });

  it('leave none behind where the system starts only some of them', async () => {
    const started: Worker[] = [];
    const { Worker: Real } = workerThreads;
    class Refused extends Real {
      constructor(...args: ConstructorParameters<typeof Real>) {
        if (started.length === 2) throw noThread();
        super(...args);
        started.push(this);
      }
    }
    Object.assign(workerThreads, { Worker: Refused });
    try {
      const error = await Coordinator.start({ peerThreads: 3 }).catch((reason: unknown) => reason);
      expect(error).to.have.property('code', 'thread-start-failed');
      expect(error).to.have.property('message').that.contains('no more threads');
    } finally {
      Object.assign(workerThreads, { Worker: Real });
    }
    expect(started).to.have.length(2);
    await Promise.all(started.map((worker) => once(worker, 'exit')));
  });

  it('stay whole where the options are wrong', async () => {
    const threads = new EngineThreads();
    expect(await codeOf(Coordinator.start({ threads, port: -1 }))).to.equal('bad-option');
    const engine = await Coordinator.start({ threads });
    await engine.close();
  });
});
