// EDGE. Dials a sample of the known peers, a few at a time, as soon as they are known.

import { randomInt } from 'node:crypto';
import PQueue from 'p-queue';
import type { PeerAddress } from '../messages/control';
import type { MetadataFinding, PeerFinding, PiecesFinding } from './findings';
import { MetadataSample, Sample, peerFinding } from './peer-finding';
import { probePeer } from './probe-peer';
import type { PeerProbeOptions } from './probe-peer';

export type SamplerOptions = Omit<PeerProbeOptions, 'host' | 'port'>;

/** Most concurrent dials: considerate of the network, and 20 peers take at most three rounds. */
const CONCURRENT_PEERS = 8;

export class Sampler {
  private readonly options: SamplerOptions;
  private readonly onPeer: (finding: PeerFinding) => void;
  private readonly queue = new PQueue({ concurrency: CONCURRENT_PEERS });
  private readonly known = new Set<string>();
  private readonly sample: Sample | MetadataSample;
  private readonly probes: Promise<void>[] = [];
  private placesLeft: number;

  /** `size`: most peers to dial. */
  constructor(size: number, options: SamplerOptions, onPeer: (finding: PeerFinding) => void) {
    this.placesLeft = size;
    this.options = options;
    this.onPeer = onPeer;
    const { pieceCount } = options;
    this.sample = pieceCount === undefined ? new MetadataSample() : new Sample(pieceCount);
  }

  /** Adds new peers of one source; dials some of them while there are places. */
  offer(peers: readonly PeerAddress[]): void {
    const fresh = peers.filter(({ host, port }) => {
      const key = `${host} ${port}`;
      if (this.known.has(key)) return false;
      this.known.add(key);
      return true;
    });
    while (this.placesLeft > 0 && fresh.length > 0) {
      // Not the first ones: a tracker may put chosen peers there.
      const [peer] = fresh.splice(randomInt(fresh.length), 1);
      if (peer === undefined) break;
      this.placesLeft -= 1;
      this.probes.push(this.queue.add(() => this.probe(peer)));
    }
  }

  /** The result, after all dials have ended. */
  async finding(): Promise<PiecesFinding | MetadataFinding> {
    await Promise.all(this.probes);
    return this.sample.finding(this.known.size);
  }

  private async probe({ host, port }: PeerAddress): Promise<void> {
    const answers = await probePeer({ ...this.options, host, port });
    // An aborted dial shows nothing about the peer.
    if (this.options.signal.aborted) return;
    this.sample.add(answers);
    this.onPeer(peerFinding(answers));
  }
}
