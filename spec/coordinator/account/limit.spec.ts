// The definition of the labels as a table: one line per rule, and which rule wins where two apply.

import { expect } from 'chai';
import type { TransferLimit } from '../../../lib/messages/account';
import { limitAt, waitsForVerify } from '../../../lib/coordinator/account/limit';
import type { Moment } from '../../../lib/coordinator/account/limit';

/** Ten pieces to go, two peers that deliver as fast as they can. */
const FLOWING: Moment = {
  missingPieces: 10,
  verifyingPieces: 1,
  sources: 2,
  open: 2,
  heldBack: 0,
  starved: 0,
  bytesInFlight: 1_000_000,
  bytesIn: 500_000,
  bytesInAtDepth: 0,
  memoryRefused: false,
  busy: 0.5,
  processBusy: 0.5,
};

const TABLE: readonly (readonly [string, Partial<Moment>, TransferLimit])[] = [
  ['peers deliver, below every cap', {}, 'network'],
  ['requests are out and nothing came', { bytesIn: 0 }, 'network'],
  ['nobody has what we lack', { sources: 0, open: 0 }, 'peers'],
  ['all who have choke us', { open: 0 }, 'unchoke'],
  ['one of two lets us', { open: 1 }, 'network'],
  ['a rate limit holds back half of the requests', { heldBack: 1 }, 'rateLimit'],
  ['a rate limit holds back few of them', { heldBack: 1, sources: 3, open: 3 }, 'network'],
  ['a rate limit, and no core has rest', { heldBack: 2, processBusy: 1 }, 'rateLimit'],
  ['a rate limit, and all is being verified', { heldBack: 2, verifyingPieces: 10 }, 'memory'],
  ['all that is missing is being verified', { verifyingPieces: 10 }, 'memory'],
  ['… though all choke us', { verifyingPieces: 10, open: 0 }, 'memory'],
  ['… though nobody else has anything', { verifyingPieces: 10, sources: 0, open: 0 }, 'memory'],
  ['memory refused, nobody starves', { memoryRefused: true }, 'network'],
  ['memory refused, half of them starve', { memoryRefused: true, starved: 1 }, 'memory'],
  [
    'memory refused, few of them starve',
    { memoryRefused: true, sources: 3, open: 3, starved: 1 },
    'network',
  ],
  ['they starve, memory is not the reason', { starved: 2 }, 'network'],
  ['they starve, all they have is being verified', { starved: 2, bytesInFlight: 0 }, 'memory'],
  ['the thread has no rest', { busy: 0.9 }, 'cpu'],
  ['the thread has some rest', { busy: 0.89 }, 'network'],
  ['no rest, but choked', { busy: 1, open: 0 }, 'unchoke'],
  ['no rest, and memory refused', { busy: 1, memoryRefused: true, starved: 2 }, 'memory'],
  ['no core has rest', { processBusy: 0.9 }, 'cpu'],
  ['… so that hashing is behind', { processBusy: 1, memoryRefused: true, starved: 2 }, 'cpu'],
  ['no core has rest, and nobody has anything', { processBusy: 1, sources: 0, open: 0 }, 'peers'],
  ['half of the bytes come by the round trip', { bytesInAtDepth: 250_000 }, 'requestDepth'],
  ['a smaller part does', { bytesInAtDepth: 249_999 }, 'network'],
  ['no rest: more requests would not help', { bytesInAtDepth: 500_000, busy: 0.95 }, 'cpu'],
];

describe('coordinator/limit', () => {
  for (const [when, change, what] of TABLE) {
    it(`${when}: ${what}`, () => {
      expect(limitAt({ ...FLOWING, ...change })).to.equal(what);
    });
  }

  it('memory waits for the verify threads where all is here, and else for what fills it', () => {
    const refused = { ...FLOWING, memoryRefused: true, starved: 2 };
    expect(waitsForVerify(refused)).to.equal(false);
    expect(waitsForVerify({ ...refused, verifyingPieces: 10 })).to.equal(true);
    expect(waitsForVerify({ ...refused, bytesInFlight: 0 })).to.equal(true);
    expect(waitsForVerify({ ...refused, bytesInFlight: 0, verifyingPieces: 0 })).to.equal(false);
    expect(waitsForVerify({ ...refused, missingPieces: 0, verifyingPieces: 0 })).to.equal(false);
  });
});
