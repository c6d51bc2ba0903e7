// What is posted between the coordinator and its peer threads arrives as it was sent.

import { expect } from 'chai';
import fc from 'fast-check';
import { COORDINATOR_PACKING, PEER_THREAD_PACKING } from '../../lib/messages/packing';
import type { PeerFact, PeerOrder } from '../../lib/messages/peer-thread';
import * as samples from '../support/samples';

const ordered = (order: PeerOrder): PeerOrder =>
  PEER_THREAD_PACKING.unpack(structuredClone(COORDINATOR_PACKING.pack(order)));
const reported = (fact: PeerFact): PeerFact =>
  COORDINATOR_PACKING.unpack(structuredClone(PEER_THREAD_PACKING.pack(fact)));

describe('messages/packing', () => {
  it('leaves every order and every fact as it is', () => {
    for (const order of Object.values(samples.peerOrders)) {
      expect(ordered(order)).to.deep.equal(structuredClone(order));
    }
    for (const fact of Object.values(samples.peerFacts)) {
      expect(reported(fact)).to.deep.equal(structuredClone(fact));
    }
  });

  it('keeps every number of a lease and of its end', () => {
    const number = fc.maxSafeNat();
    const run = {
      connection: number,
      epoch: number,
      piece: number,
      generation: number,
      firstBlock: number,
      blockCount: number,
    };
    const lease = fc.record({ ...run, segments: fc.array(number, { maxLength: 12 }) });
    const done = fc.record({ type: fc.constant('lease-done' as const), ...run });
    fc.assert(
      fc.property(lease, done, (granted, end) => {
        expect(ordered({ type: 'lease', lease: granted })).to.deep.equal({
          type: 'lease',
          lease: granted,
        });
        expect(reported(end)).to.deep.equal(end);
      }),
    );
  });

  it('posts a lease and its end as numbers alone', () => {
    const numbers = (posted: unknown): boolean =>
      Array.isArray(posted) && posted.every((one) => typeof one === 'number');
    expect(COORDINATOR_PACKING.pack(samples.peerOrders.lease)).to.satisfy(numbers);
    expect(PEER_THREAD_PACKING.pack(samples.peerFacts['lease-done'])).to.satisfy(numbers);
  });
});
