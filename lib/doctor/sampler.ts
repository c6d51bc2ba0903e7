// EDGE. Dials a sample of the peers that are named, a few at a time, as soon as they are named.

import { randomInt } from 'node:crypto';
import PQueue from 'p-queue';
import type { PeerAddress } from '../messages/control';
import type { PeerFinding, PiecesFinding } from './findings';
import { Sample, peerFinding } from './peer-finding';
import { probePeer } from './probe-peer';
import type { PeerProbeOptions } from './probe-peer';

export type SamplerOptions = Omit<PeerProbeOptions, 'host' | 'port'>;

/** Dials under way at one time: polite to the network, and 20 peers take at most three rounds. */
const CONCURRENT_PEERS = 8;

export class Sampler {
  readonly #options: SamplerOptions;
  readonly #onPeer: (finding: PeerFinding) => void;
  readonly #queue = new PQueue({ concurrency: CONCURRENT_PEERS });
  readonly #known = new Set<string>();
  readonly #sample: Sample;
  readonly #probes: Promise<void>[] = [];
  #placesLeft: number;

  /** `size`: at most this many peers are dialled. */
  constructor(size: number, options: SamplerOptions, onPeer: (finding: PeerFinding) => void) {
    this.#placesLeft = size;
    this.#options = options;
    this.#onPeer = onPeer;
    this.#sample = new Sample(options.pieceCount);
  }

  /** Adds the peers that one source names, without those already known; dials some of them while there are places. */
  offer(peers: readonly PeerAddress[]): void {
    const fresh = peers.filter(({ host, port }) => {
      const key = `${host} ${port}`;
      if (this.#known.has(key)) return false;
      this.#known.add(key);
      return true;
    });
    while (this.#placesLeft > 0 && fresh.length > 0) {
      // Not the first ones: a tracker may put whom it likes there.
      const [peer] = fresh.splice(randomInt(fresh.length), 1);
      if (peer === undefined) break;
      this.#placesLeft -= 1;
      this.#probes.push(this.#queue.add(() => this.#probe(peer)));
    }
  }

  /** Once all that were begun have ended. */
  async finding(): Promise<PiecesFinding> {
    await Promise.all(this.#probes);
    return this.#sample.finding(this.#known.size);
  }

  async #probe({ host, port }: PeerAddress): Promise<void> {
    const answers = await probePeer({ ...this.#options, host, port });
    // Cut short, it says nothing of the peer.
    if (this.#options.signal.aborted) return;
    this.#sample.add(answers);
    this.#onPeer(peerFinding(answers));
  }
}
