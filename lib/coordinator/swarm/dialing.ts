// Decides which addresses are dialled and when: those due in the book, within the limits, on the
// least busy thread.

import type { PeerAddress } from '../../messages/control';
import type { Engine } from '../engine';
import type { Happening } from '../happenings';
import { needsPeers } from '../torrent/life';
import type { TakeOptions } from './address-book';
import { isOwnAddress } from './own-addresses';
import { preferenceOf } from './preference';
import { roomToDial } from './places';
import { wake } from '../rest';
import type { TorrentState, WaitingDial } from '../state';

/** Starts as many dials as the torrent may have. Called on ticks and when addresses arrive. */
export function dialMore(engine: Engine, torrent: TorrentState): void {
  if (!dialsNow(torrent)) return;
  const nowMs = engine.nowMs();
  if (nowMs < engine.state.noDialsUntilMs) return;
  let room = freeSlots(engine, torrent);
  // A full torrent also dials: once connected, the new peer replaces one that is of no use.
  if (room <= 0 && torrent.book.nextDueMs <= nowMs) room = roomToDial(engine, torrent);
  room = Math.min(room, engine.state.settings.maxHalfOpen - torrent.dialing);
  for (const address of torrent.book.takeDue(room, nowMs, howToTake(engine, torrent))) {
    const { host, port } = address;
    if (!isOwnAddress(engine, host, port)) dial(engine, torrent, address);
    else torrent.book.ended(host, port, { reason: 'self-connection', useful: false }, nowMs);
  }
}

function howToTake(engine: Engine, torrent: TorrentState): TakeOptions {
  const several = engine.state.settings.multiplePerAddress;
  return {
    preference: preferenceOf(engine),
    busyHosts: several ? undefined : hostsOf(torrent),
  };
}

function* hostsOf({ peers }: TorrentState): Iterable<string> {
  for (const { host } of peers) yield host;
}

/** Adds the peer addresses given by the user. */
export function addPeers(
  engine: Engine,
  { torrent, peers }: Extract<Happening, { readonly type: 'add-peers' }>,
): void {
  for (const { host, port } of peers) torrent.book.add(host, port, engine.nowMs());
  dialMore(engine, torrent);
  wake(engine, torrent);
}

/**
 * A seed also dials: peers that announced before it came would learn of it half an hour later, and
 * a seed behind NAT cannot be dialled.
 */
export function dialsNow({ life }: TorrentState): boolean {
  return needsPeers(life) || life.phase === 'seeding';
}

/** How many more connections the torrent may have; negative if it has too many. */
export function freeSlots({ state }: Engine, torrent: TorrentState): number {
  const { maxConnections, maxConnectionsPerTorrent } = state.settings;
  return Math.min(
    maxConnectionsPerTorrent - torrent.peers.size - torrent.dialing,
    maxConnections - state.peers.size - state.dials.size,
  );
}

function dial(engine: Engine, torrent: TorrentState, address: PeerAddress): void {
  const waiting: WaitingDial = { address };
  torrent.waitingDials.add(waiting);
  torrent.dialing++;
  wake(engine, torrent);
  engine.paceDial(
    () => new Promise((over) => engine.happen({ type: 'dial-turn', torrent, dial: waiting, over })),
  );
}

export function onDialTurn(
  engine: Engine,
  { torrent, dial: waiting, over }: Extract<Happening, { readonly type: 'dial-turn' }>,
): void {
  if (!torrent.waitingDials.has(waiting)) return over(); // It was given up with its run.
  const thread = engine.state.closing ? undefined : leastBusyThread(engine);
  if (thread === undefined) {
    giveUpDial(torrent, waiting);
    return over();
  }
  torrent.waitingDials.delete(waiting);
  const id = engine.state.nextDial++;
  const { address } = waiting;
  const done = (): void => {
    torrent.dialing--;
    over();
  };
  engine.state.dials.set(id, { torrent: torrent.id, thread, address, done });
  engine.order(thread, {
    type: 'dial',
    dial: id,
    torrent: torrent.id,
    host: address.host,
    port: address.port,
  });
}

/** The run is over: addresses whose dials wait go back to the book. */
export function giveUpDials(torrent: TorrentState): void {
  for (const waiting of torrent.waitingDials) giveUpDial(torrent, waiting);
}

function giveUpDial(torrent: TorrentState, waiting: WaitingDial): void {
  torrent.waitingDials.delete(waiting);
  torrent.dialing--;
  torrent.book.putBack(waiting.address.host, waiting.address.port);
}

/** Undefined while every thread is down: the next tick tries again. */
function leastBusyThread(engine: Engine): number | undefined {
  const { settings, peers, dials, downThreads } = engine.state;
  const load = new Array<number>(settings.peerThreads).fill(0);
  for (const thread of downThreads) load[thread] = Infinity;
  for (const { thread } of peers.values()) load[thread] = (load[thread] ?? 0) + 1;
  for (const { thread } of dials.values()) load[thread] = (load[thread] ?? 0) + 1;
  const least = Math.min(...load);
  return least === Infinity ? undefined : load.indexOf(least);
}
