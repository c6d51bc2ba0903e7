// What each peer thread knows of the torrents, by the orders that it got: a torrent in its swarm is
// open on every thread, and its content is known there exactly while pieces may be transferred.

import type { PeerOrder } from '../../lib/messages/peer-thread';
import { isInSwarm, transfers } from '../../lib/coordinator/torrent/life';
import type { SimEngine } from './sim-engine';

export class ThreadBooks {
  /** For each thread, by torrent: is the content known? */
  readonly #open = new Map<number, Map<number, boolean>>();

  /** Throws for an order that its thread cannot carry out. */
  note(thread: number, order: PeerOrder): void {
    const open = this.#of(thread);
    switch (order.type) {
      case 'open-torrent': {
        const { torrent, content } = order.torrent;
        if (open.has(torrent)) throw new Error(`torrent ${torrent} is opened twice on ${thread}`);
        open.set(torrent, content !== undefined);
        return;
      }
      case 'torrent-content':
        if (open.get(order.torrent) !== false)
          throw new Error(`thread ${thread} cannot take the content of torrent ${order.torrent}`);
        open.set(order.torrent, true);
        return;
      case 'have':
        if (open.get(order.torrent) !== true)
          throw new Error(`thread ${thread} cannot announce pieces of torrent ${order.torrent}`);
        return;
      case 'limit-rates':
        if (!open.has(order.torrent))
          throw new Error(`thread ${thread} cannot limit torrent ${order.torrent}`);
        return;
      case 'grant-rates':
        for (let row = 0; row < order.rows.length; row += 3) {
          if (!open.has(order.rows[row] ?? 0))
            throw new Error(`thread ${thread} cannot use credit for torrent ${order.rows[row]}`);
        }
        return;
      case 'conceal':
        if (open.get(order.torrent) !== true)
          throw new Error(`thread ${thread} cannot conceal pieces of torrent ${order.torrent}`);
        return;
      case 'close-torrent':
        open.delete(order.torrent);
        return;
      default:
        return;
    }
  }

  /** The thread is dead. */
  forget(thread: number): void {
    this.#open.delete(thread);
  }

  expectRight({ state }: SimEngine): void {
    for (let thread = 0; thread < state.settings.peerThreads; thread++) {
      if (state.downThreads.has(thread)) continue;
      const open = this.#of(thread);
      for (const { id, life, openOn } of state.torrents.values()) {
        const what = `torrent ${id}, ${life.phase}, on thread ${thread}`;
        const knows = open.get(id);
        if (openOn.has(thread) !== (knows !== undefined)) throw new Error(`${what}: open or not?`);
        // A complete one that does not seed keeps what it had, until its peers are closed.
        if (life.phase === 'complete') continue;
        if (isInSwarm(life) !== openOn.has(thread)) throw new Error(`${what}: is it in its swarm?`);
        if (knows !== undefined && knows !== transfers(life))
          throw new Error(`${what}: is its content known there?`);
      }
    }
  }

  #of(thread: number): Map<number, boolean> {
    let open = this.#open.get(thread);
    if (open === undefined) this.#open.set(thread, (open = new Map()));
    return open;
  }
}
