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

  it('keeps every number of the end of a lease', () => {
    const number = fc.maxSafeNat();
    const done = fc.record({
      type: fc.constant('lease-done' as const),
      connection: number,
      epoch: number,
      piece: number,
      generation: number,
      firstBlock: number,
      blockCount: number,
    });
    fc.assert(
      fc.property(done, (fact) => {
        expect(reported(fact)).to.deep.equal(fact);
      }),
    );
  });

  it('posts the end of a lease as numbers alone', () => {
    const posted = PEER_THREAD_PACKING.pack(samples.peerFacts['lease-done']);
    expect(posted).to.be.an('array');
    expect(posted).to.satisfy((all: unknown[]) => all.every((one) => typeof one === 'number'));
  });
});
