// What a peer thread reports reaches the coordinator as it was.

import { expect } from 'chai';
import fc from 'fast-check';
import { packFact, unpackFact } from '../../lib/messages/packing';
import type { PeerFact } from '../../lib/messages/peer-thread';
import * as samples from '../support/samples';

const reported = (fact: PeerFact): PeerFact => unpackFact(structuredClone(packFact(fact)));

describe('messages/packing', () => {
  it('leaves every fact as it is', () => {
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
    const posted = packFact(samples.peerFacts['lease-done']);
    expect(posted).to.be.an('array');
    expect(posted).to.satisfy((all: unknown[]) => all.every((one) => typeof one === 'number'));
  });
});
