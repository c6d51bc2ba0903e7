// The numbers of a peer thread's connections.

import { MAX_PEER_THREADS } from '../messages/peer-thread';

/** Connection numbers must stay positive 32-bit integers: thread + 32 × counter < 2^31. */
const COUNTER_LIMIT = 2 ** 31 / MAX_PEER_THREADS;

export class ConnectionIds {
  private readonly thread: number;
  private counter: number;

  /** `first`: the first counter. A restarted thread must not use the numbers of its predecessor. */
  constructor(thread: number, first: number) {
    this.thread = thread;
    this.counter = first;
  }

  next(): number {
    this.counter = (this.counter + 1) % COUNTER_LIMIT;
    return this.thread + MAX_PEER_THREADS * this.counter;
  }
}
