// Every message that threads exchange survives the way through a real thread unchanged.

import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { TypedPort } from '../../lib/threads/typed-port';
import * as samples from '../support/samples';

const ECHO = path.join(__dirname, '..', 'threads', 'test-worker.ts');

describe('contract: messages between threads', () => {
  let worker: Worker;
  let port: TypedPort<unknown, unknown>;
  let onMessage: (message: unknown) => void = () => undefined;
  const errors: unknown[] = [];

  before(() => {
    worker = new Worker(ECHO, { workerData: { mode: 'echo' } });
    port = new TypedPort<unknown, unknown>(worker, {
      onMessage: (message) => onMessage(message),
      onError: (error) => errors.push(error),
    });
  });

  after(async () => {
    port.close();
    await worker.terminate();
    expect(errors).to.deep.equal([]);
  });

  function echo(message: unknown): Promise<unknown> {
    return new Promise((resolve) => {
      onMessage = resolve;
      port.send(message);
    });
  }

  const groups = {
    'an order for a peer thread': samples.peerOrders,
    'a fact of a peer thread': samples.peerFacts,
    'an event of the engine': samples.engineEvents,
    'a verify job': samples.verifyJobs,
    'an outcome of a piece': samples.pieceOutcomes,
    'an outcome of metadata': samples.metadataOutcomes,
    'plain data': {
      'verify result': samples.verifyResult,
      'engine stats': samples.engineStats,
      metainfo: samples.metainfo,
    },
  };

  for (const [group, messages] of Object.entries(groups)) {
    for (const [name, message] of Object.entries(messages)) {
      it(`${group}: ${name}`, async () => {
        const { shared, copy } = withoutShared(message);
        expect(withoutShared(await echo(message)).copy).to.deep.equal(copy);
        if (name === 'torrent-content') expect(shared).to.equal(1);
      });
    }
  }

  it('shares the have-set instead of copying it', async () => {
    const { content } = samples.peerOrders['torrent-content'];
    const back = (await echo(samples.peerOrders['torrent-content'])) as {
      readonly content: { readonly have: SharedArrayBuffer };
    };
    new Uint8Array(back.content.have)[1] = 77;
    expect(new Uint8Array(content.have)[1]).to.equal(77);
  });
});

/** Shared buffers are compared by length: chai takes two of them for different objects. */
function withoutShared(value: unknown): { readonly shared: number; readonly copy: unknown } {
  let shared = 0;
  const copy = (part: unknown): unknown => {
    if (part instanceof SharedArrayBuffer) {
      shared++;
      return `shared buffer of ${part.byteLength}`;
    }
    if (Array.isArray(part)) return part.map(copy);
    if (typeof part !== 'object' || part === null || ArrayBuffer.isView(part)) return part;
    return Object.fromEntries(Object.entries(part).map(([key, inner]) => [key, copy(inner)]));
  };
  return { copy: copy(value), shared };
}
