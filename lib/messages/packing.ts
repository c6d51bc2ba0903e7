// PURE. Packs the fact `lease-done`, which a download sends at least once for every piece. It takes
// 0.6 µs to send and receive as an array of numbers, and 1.7 µs as an object. All other facts are
// posted unchanged.

import type { FactOf, PeerFact } from './peer-thread';

/** What a peer thread posts for a fact. */
export function packFact(fact: PeerFact): unknown {
  if (fact.type !== 'lease-done') return fact;
  const { connection, epoch, piece, generation, firstBlock, blockCount } = fact;
  return [connection, epoch, piece, generation, firstBlock, blockCount];
}

/** The fact for which this was posted. */
export function unpackFact(posted: unknown): PeerFact {
  return Array.isArray(posted) ? leaseDone(posted) : (posted as PeerFact);
}

function leaseDone(numbers: readonly number[]): FactOf<'lease-done'> {
  const [connection = 0, epoch = 0, piece = 0, generation = 0, firstBlock = 0, blockCount = 0] =
    numbers;
  return { type: 'lease-done', connection, epoch, piece, generation, firstBlock, blockCount };
}
