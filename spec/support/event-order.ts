// Checks that a torrent's events come in the order that `TorrentEvents` documents.

import { expect } from 'chai';

/** The part of an event that decides whether it came in order. */
export type OrderedEvent =
  | { readonly event: 'peerConnected'; readonly peer: string }
  /** `dial`: the close may be that of a failed dial, without a `peerConnected` before it. */
  | { readonly event: 'peerClosed'; readonly peer: string; readonly dial: boolean }
  | { readonly event: 'pieces'; readonly pieces: readonly number[] }
  | { readonly event: 'stats'; readonly piecesDone: number }
  | { readonly event: 'complete' | 'closed' };

/** Fails unless the events of a torrent that started empty came in this order. */
export function expectOrder(all: readonly OrderedEvent[]): void {
  const connections = new Map<string, number>();
  const pieces = new Set<number>();
  const ends = new Set<string>();
  for (const event of all) {
    expect(ends.has('closed'), `${event.event} after closed`).to.equal(false);
    switch (event.event) {
      case 'peerConnected':
        connections.set(event.peer, (connections.get(event.peer) ?? 0) + 1);
        break;
      case 'peerClosed': {
        const open = connections.get(event.peer) ?? 0;
        if (!event.dial) expect(open, `connections to ${event.peer} before its end`).to.be.above(0);
        if (open > 0) connections.set(event.peer, open - 1);
        break;
      }
      case 'pieces':
        expect(connections.size, 'peers before pieces').to.be.above(0);
        expect(ends.has('complete'), 'pieces after complete').to.equal(false);
        for (const piece of event.pieces) {
          expect(pieces.has(piece), `piece ${piece} twice`).to.equal(false);
          pieces.add(piece);
        }
        break;
      case 'stats':
        expect(event.piecesDone, 'counted before reported').to.be.at.most(pieces.size);
        break;
      default:
        ends.add(event.event);
    }
  }
  if (!ends.has('closed')) return;
  const left = [...connections].filter(([, open]) => open > 0);
  expect(left, 'connections that never ended').to.deep.equal([]);
}
